"""Compressed streams, unpacked piece by piece: no more is unpacked than is asked for."""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from delivery.files import kinds
from delivery.files.refused import ArchiveRefused

_PIECE = 64 * 1024
_DICTIONARY = 128 * 1024 * 1024  # memory that a stream of LZMA may ask for
_MOST_STREAMS = 10_000  # in a row; empty ones cost time and yield nothing
DAMAGED = "it is damaged"


class Reader(Protocol):
    """What can be read from the front."""

    def read(self, size: int, /) -> bytes:
        """Return up to so many bytes; none at the end."""


class _Decompressor(Protocol):
    """What bz2 and lzma have, and zlib only from Python 3.12."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Deflate:
    def __init__(self, bits: int) -> None:
        self._stream = zlib.decompressobj(bits)
        self._left, self.needs_input = b"", True

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        piece = self._stream.decompress(self._left + data, max_length)
        self._left = self._stream.unconsumed_tail
        self.needs_input = not self._left and len(piece) < max_length
        return piece


_OF_KIND: dict[str, tuple[Callable[[], _Decompressor], bytes]] = {
    kinds.GZIP: (lambda: _Deflate(31), b"\x1f\x8b"),
    kinds.BZIP2: (bz2.BZ2Decompressor, b"BZh"),
    kinds.XZ: (lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_DICTIONARY), b"\xfd7zXZ"),
}
STORED, DEFLATED, BZIPPED = 0, 8, 12  # methods of zip that the standard library reads without more ado
_OF_METHOD: dict[int, Callable[[], _Decompressor]] = {
    DEFLATED: lambda: _Deflate(-15),
    BZIPPED: bz2.BZ2Decompressor,
}


def is_readable(method: int) -> bool:
    """Tell whether a file in a zip that is compressed by this method can be unpacked here."""
    return method == STORED or method in _OF_METHOD


def stream(kind: str, source: Reader) -> Iterator[bytes]:
    """Yield what a file of gzip, bzip2 or xz holds: several streams in a row are one."""
    make, magic = _OF_KIND[kind]
    rest = b""
    for _ in range(_MOST_STREAMS):
        one = make()
        yield from _unpacked(one, rest, source)
        if (following := _following(one.unused_data, source, magic)) is None:
            return
        rest = following
    raise ArchiveRefused(f"it has more than {_MOST_STREAMS:,} streams in a row")


def entry(method: int, source: Reader) -> Iterator[bytes]:
    """Yield what one file in a zip holds."""
    if method == STORED:
        while piece := source.read(_PIECE):
            yield piece
    else:
        yield from _unpacked(_OF_METHOD[method](), b"", source)


def _unpacked(one: _Decompressor, packed: bytes, source: Reader) -> Iterator[bytes]:
    while not one.eof:
        if one.needs_input:
            packed = packed or source.read(_PIECE)
            if not packed:
                raise ArchiveRefused(DAMAGED)
        yield _piece(one, packed)
        packed = b""


def _piece(one: _Decompressor, packed: bytes) -> bytes:
    try:
        return one.decompress(packed, _PIECE)
    except (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError) as error:
        raise ArchiveRefused(DAMAGED) from error


def _following(rest: bytes, source: Reader, magic: bytes) -> bytes | None:
    """Return the beginning of the next stream, behind zeros that fill up; None if there is none."""
    rest = rest.lstrip(b"\0")
    while len(rest) < len(magic):
        if not (more := source.read(_PIECE)):
            return None
        rest = (rest + more).lstrip(b"\0")
    return rest if rest.startswith(magic) else None
