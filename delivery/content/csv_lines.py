"""Lines of CSV, one by one as they are written: a file of a million rows is never in memory."""

from typing import Final

_PIECE: Final = 128 * 1024  # characters


class Line:
    """Collects what csv writes."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._pieces: list[str] = []
        self._size = 0

    def write(self, text: str) -> None:
        """Take what csv writes."""
        self._pieces.append(text)
        self._size += len(text)

    def is_full(self) -> bool:
        """Tell whether there is enough for a piece of a file."""
        return self._size >= _PIECE

    def taken(self) -> str:
        """Return what was written since the last call."""
        pieces, self._pieces, self._size = self._pieces, [], 0
        return "".join(pieces)
