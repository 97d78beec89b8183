"""The variables that everything configurable comes from, and what is said of one that cannot be read."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from dotenv import load_dotenv

BASE_DIR = Path(__file__).resolve().parent.parent
load_dotenv(BASE_DIR / ".env")

_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


def text(name: str, default: str = "") -> str:
    """Return the variable's value, or the content of the file that NAME_FILE points at; empty counts as unset."""
    path = os.environ.get(f"{name}_FILE", "")
    return (Path(path).read_text().strip() if path else os.environ.get(name, "").strip()) or default


def truth(name: str, *, default: bool) -> bool:
    """Return a switch; raise ImproperlyConfigured for what is neither on nor off."""
    word = text(name, str(default)).lower()
    if word not in _TRUE | _FALSE:
        raise ImproperlyConfigured(f"{name} is {word!r}; write true or false.")
    return word in _TRUE


def number(name: str, default: int, *, least: int = 1) -> int:
    """Return a whole number; raise ImproperlyConfigured for another word, or for less than the least."""
    word = text(name, str(default))
    if not (word.isascii() and word.isdigit() and int(word) >= least):
        raise ImproperlyConfigured(f"{name} is {word!r}; write a whole number in digits, {least} or more.")
    return int(word)


def words(name: str, default: str = "") -> list[str]:
    """Return what stands between the commas."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]
