"""Words of vendors as every database takes them."""

LONGEST = 2000  # characters


def storable(text: str) -> str:
    """Return a text without NUL, without half characters, and cut."""
    return text[:LONGEST].replace("\x00", "").encode(errors="replace").decode()
