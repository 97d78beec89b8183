"""Marks that turn the direction of writing. They show nothing; in a name they can show another name."""

import re
import unicodedata

_MARKS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def without_marks(text: str) -> str:
    """Return a text without them: letters of Hebrew or Arabic have their direction by themselves."""
    return text if text.isascii() else _MARKS.sub("", text)


def named(text: str) -> str:
    """Return what somebody calls a thing of theirs: without such marks and blanks around it; empty if nothing shows."""
    name = without_marks(text).strip()
    return name if any(unicodedata.category(letter)[0] not in "ZC" for letter in name) else ""
