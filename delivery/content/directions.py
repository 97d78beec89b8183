"""Marks that turn the direction of writing. They show nothing; in a name they can show another name."""

import re

_MARKS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def without_marks(text: str) -> str:
    """Return a text without them: letters of Hebrew or Arabic have their direction by themselves."""
    return text if text.isascii() else _MARKS.sub("", text)
