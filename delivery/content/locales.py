"""Locales: folded, so that de_AT and de-at are de-AT, and what may stand in for one."""

import re
from typing import Final

LONGEST: Final = 35
_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}")


class InvalidLocale(ValueError):
    """This is no language tag."""


def folded(text: str) -> str:
    """Return a language tag in its usual form; empty stays empty. Raises InvalidLocale."""
    if not text:
        return ""
    if len(text) > LONGEST or not _LOCALE.fullmatch(text):
        raise InvalidLocale(f"{text[:LONGEST]!a} is no language tag, such as de or de-AT")
    language, *rest = re.split("[-_]", text)
    return "-".join([language.lower(), *map(_subtag, rest)])


def read(text: str) -> str:
    """Return a language tag as files have it in its usual form; empty for what is none."""
    try:
        return folded(text.strip())
    except InvalidLocale:
        return ""


def candidates(locale: str) -> list[str]:
    """Return the locales to look for, the closest first; the default, which is empty, is the last."""
    parts = locale.split("-") if locale else []
    return ["-".join(parts[:number]) for number in range(len(parts), 0, -1)] + [""]


def _subtag(text: str) -> str:
    if len(text) == 4 and text.isalpha():
        return text.title()
    return text.upper() if len(text) == 2 else text.lower()
