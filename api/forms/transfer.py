"""The Content-Transfer-Encoding of a part, undone as its content comes in."""

import base64
import binascii
import re
from typing import Protocol

from api.forms.stream import BrokenForm

_MAX_LINE = 64 * 1024  # RFC 2045 has 76 characters
_AS_THEY_ARE = frozenset({"", "7bit", "8bit", "binary"})
_LINE_ENDS = re.compile(rb"[ \t\r\n]+")
_NOT_QUOTED_PRINTABLE = re.compile(rb"=(?![0-9A-Fa-f]{2}|\r?\n)")
_BLANKS_AT_THE_END = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n)")


class Decoder(Protocol):
    """Undoes an encoding."""

    def feed(self, piece: bytes) -> bytes:
        """Return what can be decoded by now."""

    def finish(self) -> bytes:
        """Return the rest; raise BrokenForm if something is missing."""


def decoder(encoding: str) -> Decoder:
    """Return the decoder of an encoding by its name, in any case; raise BrokenForm for one that is not known."""
    name = encoding.strip().lower()
    if name in _AS_THEY_ARE:
        return _Identity()
    if name == "base64":
        return _Base64()
    if name == "quoted-printable":
        return _QuotedPrintable()
    raise BrokenForm(
        f"a part has the Content-Transfer-Encoding {encoding[:40]!a}; "
        "7bit, 8bit, binary, base64 and quoted-printable are read. Send it as it is, without that header"
    )


class _Identity:
    """Changes nothing."""

    def feed(self, piece: bytes) -> bytes:
        """Return the piece."""
        return piece

    def finish(self) -> bytes:
        """Return nothing."""
        return b""


class _Base64:
    """Base64 in lines of any length (RFC 2045, 6.8)."""

    def __init__(self) -> None:
        self._held = b""
        self._padded = False

    def feed(self, piece: bytes) -> bytes:
        """Decode whole groups of four characters."""
        held = self._held + _LINE_ENDS.sub(b"", piece)
        whole = len(held) - len(held) % 4
        self._held = held[whole:]
        return self._group(held[:whole])

    def finish(self) -> bytes:
        """Decode the last group, whose padding may have been left out."""
        return self._group(self._held + b"=" * (-len(self._held) % 4))

    def _group(self, characters: bytes) -> bytes:
        if not characters:
            return b""
        if self._padded:
            raise BrokenForm("a part's Base64 goes on behind its padding")
        self._padded = characters.endswith(b"=")
        try:
            return base64.b64decode(characters, validate=True)
        except binascii.Error as error:
            raise BrokenForm(f"a part's Base64 cannot be read: {error}") from error


class _QuotedPrintable:
    """Quoted-printable, line by line (RFC 2045, 6.7)."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        """Decode whole lines."""
        held = self._held + piece
        end = held.rfind(b"\n") + 1
        self._held = held[end:]
        if len(self._held) > _MAX_LINE:
            raise BrokenForm(f"a part in quoted-printable has a line of more than {_MAX_LINE} bytes")
        return _lines(held[:end])

    def finish(self) -> bytes:
        """Decode the last line."""
        last = self._held.rstrip(b" \t")
        return _lines(last.removesuffix(b"="))  # a soft line break before the boundary


def _lines(text: bytes) -> bytes:
    text = _BLANKS_AT_THE_END.sub(b"", text)
    if broken := _NOT_QUOTED_PRINTABLE.search(text):
        shown = text[broken.start() : broken.start() + 3]
        raise BrokenForm(f"a part's quoted-printable cannot be read at {shown!r}")
    return binascii.a2b_qp(text)
