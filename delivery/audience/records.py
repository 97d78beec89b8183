"""From text to records, one after the other, with the line where each begins. What is damaged costs its own line only.

The csv module alone reads on behind an unclosed quote until the next one, or the end of the file, and says nothing. So
it reads strictly, a record has bounds, and from a record that is none it goes on at the second line.
"""

import csv
from collections import deque
from collections.abc import Iterator
from typing import Final, TextIO

from delivery.models import ImportReject

MOST_LINES: Final = 20  # of one record
LONGEST: Final = 64 * 1024  # characters of one record
Code = ImportReject.Code
# Where it begins, its cells, and why it is none: empty for a good one, else the cells are its first line.
Record = tuple[int, list[str], str]


class _TooLong(Exception):
    """More lines, or characters, than a record has."""


def read(stream: TextIO, delimiter: str, *, begin: int = 1) -> Iterator[Record]:
    """Yield the records of a stream without translated line ends, blank lines as records without cells."""
    lines, line = _Lines(stream), begin
    while True:
        try:
            for cells in csv.reader(lines.feed(), delimiter=delimiter, strict=True):
                if len(lines.held) > 1 and (
                    _has_swallowed(cells, delimiter) or _is_two(lines.held, len(cells), delimiter)
                ):
                    break
                yield line, cells, ""
                line += len(lines.held)
                lines.held.clear()
            else:
                return
        except (csv.Error, _TooLong):
            pass
        first = lines.give_back()
        yield (
            line,
            [first.rstrip("\r\n")],
            Code.CELL_TOO_LONG if len(first) >= LONGEST else Code.UNCLOSED_QUOTE,
        )
        line += 1


class _Lines:
    """The lines of a stream; those of the record that is being read can be given back."""

    def __init__(self, stream: TextIO) -> None:
        self.held: list[str] = []
        self._stream = stream
        self._back: deque[str] = deque()

    def feed(self) -> Iterator[str]:
        held, back, readline = self.held, self._back, self._stream.readline
        while text := back.popleft() if back else readline(LONGEST):
            held.append(text)
            if len(text) >= LONGEST or (len(held) > 1 and self._is_too_long()):
                raise _TooLong
            yield text

    def give_back(self) -> str:
        """Return the first line of the record, and have the others read anew."""
        first, *others = self.held
        self._back.extendleft(reversed(others))
        self.held.clear()
        rest = first
        while len(rest) >= LONGEST and not rest.endswith(("\n", "\r")):
            rest = self._stream.readline(LONGEST)  # its end, however far it is
        return first

    def _is_too_long(self) -> bool:
        return len(self.held) > MOST_LINES or sum(map(len, self.held)) > LONGEST


def _has_swallowed(cells: list[str], delimiter: str) -> bool:
    """Tell whether a cell of several lines holds what looks like another record: two quotes are missing, not one."""
    most = len(cells) - 1
    return any(
        "@" in line and line.count(delimiter) >= most
        for cell in cells
        if "\n" in cell or "\r" in cell
        for line in cell.splitlines()[1:]
    )


def _is_two(held: list[str], width: int, delimiter: str) -> bool:
    """Tell whether the first and the last line are records by themselves, with an address in the same column."""
    first, last = (held[at].rstrip("\r\n").split(delimiter) for at in (0, -1))
    if not len(first) == len(last) == width:
        return False
    return any("@" in one and "@" in other for one, other in zip(first, last, strict=True))
