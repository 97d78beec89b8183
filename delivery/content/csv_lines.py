"""Lines of CSV, one by one as they are written: a file of a million rows is never in memory."""


class Line:
    """Collects what csv writes."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.pieces: list[str] = []

    def write(self, text: str) -> None:
        """Take what csv writes."""
        self.pieces.append(text)

    def taken(self) -> str:
        """Return what was written since the last call."""
        pieces, self.pieces = self.pieces, []
        return "".join(pieces)
