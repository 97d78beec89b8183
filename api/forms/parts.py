"""What the headers of a part say."""

import re

from api.forms import charsets, disposition, stream, transfer
from api.forms.stream import BrokenForm

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_READ = ("content-disposition", "content-type", "content-transfer-encoding", "content-id", "content-length")
_LENGTH = re.compile("[0-9]{1,12}")


class Part:
    """One part: how it is called, and its content as it comes in."""

    def __init__(self, headers: dict[str, str]) -> None:
        if "content-disposition" not in headers:
            raise BrokenForm("a part has no Content-Disposition")
        self.name, self.filename = disposition.of_part(headers["content-disposition"])  # None: a text
        self.content_type = headers.get("content-type", "")
        self.content_id = headers.get("content-id", "")
        self.charset = _charset(self.content_type) if self.filename is None else ""
        self._decoder = transfer.decoder(headers.get("content-transfer-encoding", ""))
        self._length = _length(headers.get("content-length"))
        self._came = 0

    def decode(self, piece: bytes) -> bytes:
        """Return what a piece of the content stands for."""
        self._came += len(piece)
        return self._decoder.feed(piece)

    def finish(self) -> bytes:
        """Return the rest; raise BrokenForm unless the part was as long as it said."""
        if self._length is not None and self._came != self._length:
            raise BrokenForm(f"a part has {self._came} bytes; its Content-Length says {self._length}")
        return self._decoder.finish()


def part(head: stream.Head, charset: str) -> Part:
    """Return the part with these headers, which are in UTF-8 or else in the form's charset; raise BrokenForm."""
    headers: dict[str, str] = {}
    for line in head.lines:
        name, colon, value = _decoded(line, charset).partition(":")
        name = name.strip(" \t").lower()
        if not colon or not _NAME.fullmatch(name):
            raise BrokenForm(f"a part has the header line {line[:40]!r}")
        if name in headers and name in _READ:
            raise BrokenForm(f"a part has the header {name} twice")
        headers[name] = value.strip(" \t")
    return Part(headers)


def _decoded(line: bytes, charset: str) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return charsets.decoded(line, charset or charsets.UTF_8, "a part's header")


def _charset(content_type: str) -> str:
    return disposition.parsed(content_type)[1].get("charset", "") if content_type else ""


def _length(text: str | None) -> int | None:
    if text is None:
        return None
    if not _LENGTH.fullmatch(text):
        raise BrokenForm(f"a part has the Content-Length {text[:40]!a}")
    return int(text)
