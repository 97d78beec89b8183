"""Every test of erasures has a key."""

from typing import Any

import pytest

KEY = "key-of-tombstones-" * 2


@pytest.fixture(autouse=True)
def _keys(settings: Any) -> None:
    settings.GOMAIL_TOMBSTONE_KEYS = (KEY,)
