"""A multipart body cut at its boundaries (RFC 2046, 5.1.1), a piece at a time.

Taken as the standard has it: a preamble, an epilogue, blanks behind a boundary, headers folded over several lines;
and a byte order mark in front.
Refused is what two readers could cut in two ways. Where a read ends makes no difference.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

READ_BYTES = 64 * 1024
MAX_BOUNDARY = 1024
MAX_PARTS = 2000  # a list of 1,000 recipients may come as 1,000 parts
MAX_HEADERS = 16  # of one part
MAX_HEADER_BYTES = 8 * 1024
_BLANKS = b" \t"
_BOM = b"\xef\xbb\xbf"
_ENDED = "it ends before its last boundary. Send the whole body, with --boundary-- at its end"


class BrokenForm(ValueError):
    """The body is not a form. The text says why, as the end of a sentence."""


class _Cut(BrokenForm):
    """The body has ended."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """The headers of a part."""

    lines: tuple[bytes, ...]  # unfolded, without line ends


def events(read: Callable[[int], bytes], boundary: bytes) -> Iterator[Head | bytes | None]:
    """Yield for each part its Head, its content in pieces of READ_BYTES or a little more, and None at its end.

    read(n) returns at most n bytes, and none at the end. Raise BrokenForm for what is no form.
    """
    cutter = _Cutter(read, boundary)
    cutter.skip_preamble()
    count = 0
    while not cutter.was_the_last():
        count += 1
        if count > MAX_PARTS:
            raise BrokenForm(f"it has more than {MAX_PARTS:,} parts")
        yield cutter.head()
        yield from cutter.content()
        yield None
    cutter.check_epilogue()


class _Cutter:
    """What was read and not yet used, and the boundary to look for."""

    def __init__(self, read: Callable[[int], bytes], boundary: bytes) -> None:
        self._read = read
        self._delimiter = b"\r\n--" + boundary
        self._held = b"\r\n"  # so that the first boundary has a line end before it, too
        self._at = 0

    def skip_preamble(self) -> None:
        """Go behind the first boundary; raise if one stands before it that nobody has seen: a part would be lost."""
        mark, end = self._delimiter[2:], b""
        try:
            self._skip_byte_order_mark()
            for piece in self.content():
                end = end[1 - len(mark) :] + piece
                if mark in end:
                    raise BrokenForm("something stands before a boundary, on its line")
        except _Cut as error:
            raise BrokenForm(
                "the boundary that Content-Type names does not stand in it, on a line of its own that ends in CRLF"
            ) from error

    def was_the_last(self) -> bool:
        """Read the rest of a boundary's line; tell whether it was the one that ends the form."""
        while len(self._held) - self._at < 2:
            self._more()
        if self._held.startswith(b"--", self._at):
            self._at += 2
            return True
        if self._line().strip(_BLANKS):
            raise BrokenForm("something stands behind a boundary, on its line")
        return False

    def head(self) -> Head:
        """Read the headers of a part and the empty line behind them."""
        lines: list[bytes] = []
        while line := self._line():
            if line[:1] not in (b" ", b"\t"):
                lines.append(line)
            elif lines and _ends_between_parameters(lines[-1]):
                lines[-1] += b" " + line.strip(_BLANKS)
            else:
                raise BrokenForm("a part's header is folded elsewhere than between its parameters")
            if len(lines) > MAX_HEADERS or len(lines[-1]) > MAX_HEADER_BYTES:
                raise BrokenForm(
                    f"a part has more than {MAX_HEADERS} headers, or one over {MAX_HEADER_BYTES} bytes"
                )
        return Head(lines=tuple(lines))

    def content(self) -> Iterator[bytes]:
        """Yield what stands before the next boundary; go behind it."""
        kept = len(self._delimiter) - 1  # bytes at the end of a read that may be the beginning of a boundary
        while (end := self._held.find(self._delimiter, self._at)) < 0:
            safe = len(self._held) - kept
            if safe > self._at:
                piece, self._at = self._held[self._at : safe], safe
                yield piece
            self._more()
        piece, self._at = self._held[self._at : end], end + len(self._delimiter)
        if piece:
            yield piece

    def check_epilogue(self) -> None:
        """Read the rest, which means nothing; raise if it is another part, which must not be lost in silence."""
        try:
            while True:
                for _ in self.content():
                    pass
                if not self.was_the_last():
                    raise BrokenForm("a part stands behind the last boundary")
        except _Cut:
            return

    def _skip_byte_order_mark(self) -> None:
        while len(self._held) < 2 + len(_BOM):
            self._more()
        if self._held.startswith(_BOM, 2):
            self._held = self._held[:2] + self._held[2 + len(_BOM) :]

    def _line(self) -> bytes:
        while (end := self._held.find(b"\r\n", self._at)) < 0:
            if len(self._held) - self._at > MAX_HEADER_BYTES:
                break
            self._more()
        line = self._held[self._at : end if end >= 0 else None]
        if len(line) > MAX_HEADER_BYTES:
            raise BrokenForm(f"a part has a header of more than {MAX_HEADER_BYTES} bytes")
        if b"\n" in line or b"\r" in line:
            raise BrokenForm("a line of a part's headers ends in LF or CR alone; the standard has CRLF")
        self._at = end + 2
        return line

    def _more(self) -> None:
        piece = self._read(READ_BYTES)
        if not piece:
            raise _Cut(_ENDED)
        self._held, self._at = self._held[self._at :] + piece, 0


def _ends_between_parameters(line: bytes) -> bool:
    """Tell whether a header may go on in the next line: what is folded inside a name could be two headers or one."""
    return line.endswith((b";", b":")) and line.count(b'"') % 2 == 0
