"""Vendors' texts in a form that every database can store."""

from collections.abc import Mapping
from typing import Any

LONGEST = 2000  # characters


def storable(text: str) -> str:
    """Return the text without NUL and lone surrogates, cut to 2,000 characters."""
    return text[:LONGEST].replace("\x00", "").encode(errors="replace").decode()


def storable_json(value: Any) -> Any:
    """Return a value of JSON with the same done to its texts, which are not cut."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode(errors="replace").decode()
    if isinstance(value, Mapping):
        return {storable_json(str(name)): storable_json(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [storable_json(part) for part in value]
    return value
