"""Passwords that cost nothing to check."""

from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: Any) -> None:
    monkeypatch.setattr(PBKDF2PasswordHasher, "iterations", 10)
