"""Sessions of people who are logged in, in the database. It is asked for a key only that can be one."""

import re
from typing import Final

from django.contrib.sessions.backends.db import SessionStore as Stored

_KEY: Final = re.compile(
    "[0-9a-z]{8,40}"
)  # what Django makes: PostgreSQL raises for a cookie that holds a NUL


class SessionStore(Stored):
    """Django's, without a session for what a client made up."""

    def _validate_session_key(self, key: str | None) -> bool:
        return key is not None and _KEY.fullmatch(key) is not None
