"""Vendors' texts in a form that every database can store."""

LONGEST = 2000  # characters


def storable(text: str) -> str:
    """Return the text without NUL and lone surrogates, cut to 2,000 characters."""
    return text[:LONGEST].replace("\x00", "").encode(errors="replace").decode()
