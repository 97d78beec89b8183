"""Texts that no spreadsheet computes: an address, too, may be a formula (=1+1@example.com)."""

import re
from typing import Final

# A spreadsheet takes what begins so for something to be computed; the last four are = + - @ in full width.
_COMPUTED: Final = r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
_FORMULA: Final = re.compile(f"'*{_COMPUTED}")  # a text may begin with '= itself
_GUARDED: Final = re.compile(f"'+{_COMPUTED}")
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)*")


def safe(text: str) -> str:
    """Return a text that no spreadsheet computes."""
    return f"'{text}" if _FORMULA.match(text) else text


def safe_but_numbers(text: str) -> str:
    """Return the same of all but numbers, which compute to themselves."""
    return text if _NUMBER.fullmatch(text) else safe(text)


def unsafe(text: str) -> str:
    """Return what `safe` was given."""
    return text[1:] if _GUARDED.match(text) else text
