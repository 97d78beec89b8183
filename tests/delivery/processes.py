"""Other processes that work on the database of a test."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings as gomail
from django.db import connection


def environment(folder: Path, **own: str) -> dict[str, str]:
    """Return the variables of one; `folder`: where attachments are."""
    name = connection.settings_dict["NAME"]
    url = f"sqlite:///{name}"
    if connection.vendor == "postgresql":
        url = urlsplit(os.environ["TEST_DATABASE_URL"])._replace(path=f"/{name}").geturl()
    mine = {
        "DATABASE_URL": url,
        "GOMAIL_STORAGE_DIR": str(folder),
        "GOMAIL_JOURNAL_DIR": gomail.GOMAIL_JOURNAL_DIR,
    }
    return {**os.environ, **mine, **own}
