"""Reads the environment variables that configure everything, with an error for an invalid one."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from dotenv import load_dotenv

BASE_DIR = Path(__file__).resolve().parent.parent
load_dotenv(BASE_DIR / ".env")

_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


def text(name: str, default: str = "") -> str:
    """Return a variable's value, or the content of the file named by NAME_FILE; empty counts as unset."""
    path = os.environ.get(f"{name}_FILE", "")
    return (Path(path).read_text().strip() if path else os.environ.get(name, "").strip()) or default


def truth(name: str, *, default: bool) -> bool:
    """Return a boolean; raise ImproperlyConfigured for any other word."""
    word = text(name, str(default)).lower()
    if word not in _TRUE | _FALSE:
        raise ImproperlyConfigured(f"{name} is {word!r}; write true or false.")
    return word in _TRUE


def number(name: str, default: int, *, least: int = 1) -> int:
    """Return a whole number; raise ImproperlyConfigured if it is not one, or is below the minimum."""
    word = text(name, str(default))
    if not (word.isascii() and word.isdigit() and int(word) >= least):
        raise ImproperlyConfigured(f"{name} is {word!r}; write a whole number in digits, {least} or more.")
    return int(word)


def words(name: str, default: str = "") -> list[str]:
    """Return the words of a comma-separated list."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]
