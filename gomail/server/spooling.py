"""Answers that are complete before they are written: short ones in memory, long ones in a temporary file."""

import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import IO, Final

IN_MEMORY: Final = 1024 * 1024  # bytes
_PIECE: Final = 64 * 1024  # bytes


class Spooled:
    """A long answer, to be read once."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        """Write the pieces into a file that has no name."""
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - close() closes it
        try:
            self._file.writelines(pieces)
            self._file.seek(0)
        except BaseException:
            self._file.close()
            raise

    def __iter__(self) -> Iterator[bytes]:
        """Yield it in pieces."""
        while piece := self._file.read(_PIECE):
            yield piece

    def close(self) -> None:
        """Forget it; a server calls this behind the last piece, and when its client has gone."""
        self._file.close()


def complete(pieces: Iterable[bytes]) -> list[bytes] | Spooled:
    """Return an answer all of whose pieces are made; more than 1 MiB of them takes no memory."""
    held: list[bytes] = []
    size, coming = 0, iter(pieces)
    for piece in coming:
        held.append(piece)
        size += len(piece)
        if size > IN_MEMORY:
            return Spooled(chain(held, coming))
    return held
