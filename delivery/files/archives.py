"""Archives are looked through before a file is taken: how much is in them, how deep, and whether they tell the truth.

What an archive declares is checked first, and costs next to nothing. Then it is unpacked piece by piece, never more
than the limits allow, to see that it declared the truth and to look at the archives in it. See docs/attachments.md.
"""

import tarfile
import tempfile
import threading
from collections.abc import Collection, Iterator
from typing import BinaryIO, Final, cast

from delivery.files import kinds, unpacking, zips
from delivery.files.refused import ArchiveEncrypted, ArchiveRefused, Disguised, FileRefused, shown
from delivery.files.unpacking import DAMAGED, Reader
from delivery.files.zips import MOST_ENTRIES
from providers.message import Attachment

_MIB: Final = 1024 * 1024
MOST_RATIO, MOST_BYTES, MOST_DEPTH = 100, 100 * _MIB, 3
_UNSUSPICIOUS: Final = _MIB  # bytes; below it a file may be as repetitive as it likes: a blank picture is
_MOST_ENTRIES_IN_ALL: Final = (
    10 * MOST_ENTRIES
)  # with the archives in it: each Office document has some twenty
_KEPT_IN_MEMORY: Final = _MIB  # of a zip within an archive; it must be read from its end
_PIECE: Final = 64 * 1024
ENCRYPTED: Final = "encrypted"
POLICIES: Final = (ENCRYPTED, kinds.RAR, kinds.SEVEN_ZIP)  # the words of GOMAIL_REFUSED_ARCHIVES
_few_at_once = threading.BoundedSemaphore(2)  # what is unpacked takes time and room


def inspect(file: Attachment, refused: Collection[str]) -> None:
    """Look through a file. Raises ArchiveRefused, ArchiveEncrypted or Disguised.

    `refused`: what is not taken although it cannot be looked into: encrypted, rar, 7z.
    """
    with file.open() as content:
        head = content.read(kinds.HEAD)
        if kinds.is_disguised(file.filename, head, file.content_type):
            raise Disguised(f"{file.filename} is a program, and not what its name says.")
        try:
            _Inspection(refused).whole(content, file.size, kinds.of(head))
        except FileRefused as refusal:
            raise type(refusal)(f"{file.filename} is refused: {refusal}.") from refusal


class _Inspection:
    """One file being looked through, with what is left of the limits for all that is in it."""

    def __init__(self, refused: Collection[str]) -> None:
        self._refused = refused
        self._bytes, self._entries = MOST_BYTES, _MOST_ENTRIES_IN_ALL

    def whole(self, content: BinaryIO, size: int, kind: str) -> None:
        """Look through the file itself. A zip is one by its end, whatever stands in front of it."""
        directory = zips.read(content, size, is_named=kind == kinds.ZIP)
        with _few_at_once:
            if directory is not None:
                self._zip(content, size, directory, depth=1)
            if kind not in ("", kinds.ZIP):
                content.seek(0)
                self._stream(kind, _Peeked(_pieces(content)), depth=1)

    def _enter(self, kind: str, source: "_Peeked", depth: int) -> None:
        """Look through an archive in an archive."""
        if depth > MOST_DEPTH:
            raise ArchiveRefused(f"it holds archives in archives, more than {MOST_DEPTH} deep")
        if kind != kinds.ZIP:
            self._stream(kind, source, depth)
            return
        with tempfile.SpooledTemporaryFile(_KEPT_IN_MEMORY) as unpacked:
            while piece := source.read(_PIECE):
                unpacked.write(piece)
            inner, size = cast(BinaryIO, unpacked), unpacked.tell()
            self._zip(inner, size, zips.read(inner, size, is_named=True) or [], depth)

    def _zip(self, file: BinaryIO, size: int, entries: list[zips.Entry], depth: int) -> None:
        self._expect(entries)
        for entry, place in zips.places(file, entries, size).items():
            if entry.is_encrypted:
                self._refuse_encrypted()
            if entry.is_encrypted or not unpacking.is_readable(entry.method):
                self._take(entry.size)
                continue
            packed = _Part(file, place.start, place.end)
            pieces = self._exactly(entry.size, unpacking.entry(entry.method, packed))
            self._member(_Peeked(pieces), entry.name, depth)

    def _expect(self, entries: list[zips.Entry]) -> None:
        """Refuse by what the directory declares."""
        self._count(len(entries))
        size, packed = sum(entry.size for entry in entries), sum(entry.packed for entry in entries)
        if size > self._bytes:
            raise ArchiveRefused(f"it unpacks to {size:,} bytes; {MOST_BYTES:,} are the most")
        for entry in entries:
            _refuse_ratio(entry.size, entry.packed)
        _refuse_ratio(size, packed)

    def _stream(self, kind: str, source: "_Peeked", depth: int) -> None:
        if kind in (kinds.RAR, kinds.SEVEN_ZIP):
            if kind in self._refused:
                raise ArchiveRefused(f"archives of {kind} are not taken here")
            source.drain()
        elif kind == kinds.TAR:
            self._tar(source, depth)
        else:
            unpacked = _Peeked(self._limited(source, unpacking.stream(kind, source)))
            if kinds.of(unpacked.head) == kinds.TAR:
                self._tar(unpacked, depth)  # a tar.gz is one archive
            else:
                self._member(unpacked, "", depth)

    def _tar(self, source: "_Peeked", depth: int) -> None:
        try:
            with tarfile.open(fileobj=cast(BinaryIO, source), mode="r|", bufsize=_PIECE) as tar:
                for number, member in enumerate(tar):
                    self._tar_member(tar, member, number, depth)
        except (tarfile.TarError, RecursionError, ValueError, OverflowError, EOFError) as error:
            raise ArchiveRefused(DAMAGED) from error
        source.drain()

    def _tar_member(self, tar: tarfile.TarFile, member: tarfile.TarInfo, number: int, depth: int) -> None:
        self._count(1)
        if number >= MOST_ENTRIES:
            raise ArchiveRefused(f"it has more than {MOST_ENTRIES:,} entries")
        if member.size > self._bytes:
            raise ArchiveRefused(f"it unpacks to more than {MOST_BYTES:,} bytes")
        if content := tar.extractfile(member) if member.isreg() else None:
            self._member(_Peeked(_pieces(content)), member.name, depth)

    def _member(self, source: "_Peeked", name: str, depth: int) -> None:
        """Look at one file of an archive, and read it to its end for what is found out on the way."""
        if kinds.is_disguised(name, source.head):
            raise Disguised(f"{shown(name)} in it is a program, and not what its name says")
        if kind := kinds.of(source.head):
            self._enter(kind, source, depth + 1)
        source.drain()

    def _exactly(self, size: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the pieces of an entry; raise when they are more or fewer than was declared."""
        left = size
        for piece in pieces:
            left -= len(piece)
            if left < 0:
                break
            self._take(len(piece))
            yield piece
        if left:
            raise ArchiveRefused("its directory lies about the size of an entry, or it is damaged")

    def _limited(self, source: "_Peeked", pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the pieces of a stream that declares no size, as long as it is within the limits."""
        size = 0
        for piece in pieces:
            size += len(piece)
            _refuse_ratio(size, source.taken)
            self._take(len(piece))
            yield piece

    def _take(self, size: int) -> None:
        self._bytes -= size
        if self._bytes < 0:
            raise ArchiveRefused(f"it unpacks to more than {MOST_BYTES:,} bytes")

    def _count(self, entries: int) -> None:
        self._entries -= entries
        if self._entries < 0:
            raise ArchiveRefused(
                f"it has more than {_MOST_ENTRIES_IN_ALL:,} entries, with the archives in it"
            )

    def _refuse_encrypted(self) -> None:
        if ENCRYPTED in self._refused:
            raise ArchiveEncrypted("it is encrypted, so that nobody can look into it")


def _refuse_ratio(size: int, packed: int) -> None:
    if size > _UNSUSPICIOUS and size > MOST_RATIO * packed:
        raise ArchiveRefused(f"it is packed more than {MOST_RATIO} to 1")


def _pieces(content: Reader) -> Iterator[bytes]:
    while piece := content.read(_PIECE):
        yield piece


class _Part:
    """A part of a file, as a reader that keeps its own position: others move the file's."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        self._file, self._at, self._end = file, start, end

    def read(self, size: int, /) -> bytes:
        self._file.seek(self._at)
        piece = self._file.read(min(size, self._end - self._at))
        self._at += len(piece)
        return piece


class _Peeked:
    """Pieces as a reader whose first bytes may be looked at."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._ready = pieces, b""
        self.taken = 0  # bytes that were read
        self.head = self._peek()

    def _peek(self) -> bytes:
        while len(self._ready) < kinds.HEAD and (piece := next(self._pieces, None)) is not None:
            self._ready += piece
        return self._ready[: kinds.HEAD]

    def read(self, size: int, /) -> bytes:
        while not self._ready:
            following = next(self._pieces, None)
            if following is None:
                return b""
            self._ready = following
        piece, self._ready = self._ready[:size], self._ready[size:]
        self.taken += len(piece)
        return piece

    def drain(self) -> None:
        """Read the rest."""
        while self.read(_PIECE):
            pass
