"""The directory of a zip: what it says of its files, read from the end, before anything is unpacked.

Formats: APPNOTE.TXT 6.3.10, sections 4.3.7 (local header), 4.3.12 (directory), 4.3.14-16 (its end), 4.5.3 (zip64).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from delivery.files.refused import ArchiveRefused
from delivery.files.unpacking import DAMAGED

MOST_ENTRIES: Final = 1_000
_END, _END64 = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_ENTRY, _LOCAL = struct.Struct("<4s4H2H3L5H2L"), struct.Struct("<4s22x2H")
_LONGEST_TAIL = _END.size + 0xFFFF  # the end with the longest comment
_IN_ZIP64, _MANY_IN_ZIP64 = 0xFFFFFFFF, 0xFFFF
_ENCRYPTED, _UTF_8 = 0x1, 0x800  # flags


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One file of a zip, as the directory describes it."""

    name: str
    method: int
    is_encrypted: bool
    packed: int  # bytes in the zip
    size: int  # bytes unpacked, as declared
    start: int  # of its local header, in the file


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the packed bytes of an entry are."""

    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class _Directory:
    entries: int  # as declared
    start: int  # in the file
    size: int
    shift: int  # bytes in front of the zip, as in one that unpacks itself


def read(file: BinaryIO, size: int, *, is_named: bool) -> list[Entry] | None:
    """Return the entries of a zip of this size in bytes; None if it is none: without a directory nobody opens it.

    With `is_named` its first bytes are those of a zip, and then bytes behind its end are seen over. Raises
    ArchiveRefused for more than 1,000 entries, by the declared number or by the true one.
    """
    found = _directory(file, size, lenient=is_named)
    if found is None:
        return None
    if found.entries > MOST_ENTRIES:
        raise ArchiveRefused(f"it has {found.entries:,} entries; {MOST_ENTRIES:,} are the most")
    file.seek(found.start)
    entries = list(_entries(file.read(found.size), found))
    if len(entries) != found.entries:
        raise ArchiveRefused("its directory lies about the number of its entries")
    return entries


def places(file: BinaryIO, entries: list[Entry], size: int) -> dict[Entry, Place]:
    """Return where each entry's bytes are; raise ArchiveRefused where two share some: a bomb is made so."""
    found, reached = {}, 0
    for entry in sorted(entries, key=lambda one: one.start):
        if entry.start < reached:
            raise ArchiveRefused("its entries overlap")
        start = _content(file, entry)
        reached = start + entry.packed
        found[entry] = Place(start=start, end=reached)
    if reached > size:
        raise ArchiveRefused(DAMAGED)
    return found


def _directory(file: BinaryIO, size: int, *, lenient: bool) -> _Directory | None:
    at = max(size - _LONGEST_TAIL, 0)
    file.seek(at)
    tail = file.read(_LONGEST_TAIL)
    end = len(tail)
    while (end := tail.rfind(b"PK\x05\x06", 0, end)) >= 0:
        if found := _at(file, tail[end:], at + end, lenient=lenient):
            return found
    return None


def _at(file: BinaryIO, tail: bytes, position: int, *, lenient: bool) -> _Directory | None:
    """Return what is said at this position, if it is the end of a directory; bytes behind it are seen over or not."""
    if len(tail) < _END.size:
        return None
    _, _, _, _, entries, size, offset, comment = _END.unpack_from(tail)
    if not (lenient or _END.size + comment == len(tail)):
        return None
    if _IN_ZIP64 in (size, offset) or entries == _MANY_IN_ZIP64:
        entries, size, offset, position = _of_zip64(file, position) or (entries, size, offset, position)
    shift = position - size - offset
    if shift < 0 or (size and not _begins_with(file, position - size, b"PK\x01\x02")):
        return None
    return _Directory(entries=entries, start=position - size, size=size, shift=shift)


def _of_zip64(file: BinaryIO, position: int) -> tuple[int, int, int, int] | None:
    """Return entries, size, offset and position of the end, where they are too large for the old one."""
    found = _unpacked(file, position - _LOCATOR.size, _LOCATOR, b"PK\x06\x07")
    if found is None:
        return None
    at = position - _LOCATOR.size - _END64.size
    end = _unpacked(file, at, _END64, b"PK\x06\x06") or _unpacked(file, found[2], _END64, b"PK\x06\x06")
    return (end[7], end[8], end[9], at) if end else None


def _entries(directory: bytes, found: _Directory) -> Iterator[Entry]:
    at = count = 0
    while at < len(directory):
        if len(directory) - at < _ENTRY.size or directory[at : at + 4] != b"PK\x01\x02":
            raise ArchiveRefused(DAMAGED)
        if (count := count + 1) > MOST_ENTRIES:
            raise ArchiveRefused(f"it has more than {MOST_ENTRIES:,} entries")
        fields = _ENTRY.unpack_from(directory, at)
        at += _ENTRY.size + sum(fields[10:13])
        yield _entry(directory[: at - fields[12]], fields, found.shift)


def _entry(directory: bytes, fields: tuple[int, ...], shift: int) -> Entry:
    """Return an entry; its name and its extra fields are the last bytes of this part of the directory."""
    flags, method, packed, size, name_length, extra_length, offset = (
        fields[index] for index in (3, 4, 8, 9, 10, 11, 16)
    )
    begin = len(directory) - extra_length - name_length
    name, extra = directory[begin : begin + name_length], directory[begin + name_length :]
    size, packed, offset = _of_extra(extra, (size, packed, offset))
    return Entry(
        name=name.decode("utf-8" if flags & _UTF_8 else "cp437", errors="replace"),
        method=method,
        is_encrypted=bool(flags & _ENCRYPTED),
        packed=packed,
        size=size,
        start=offset + shift,
    )


def _of_extra(extra: bytes, values: tuple[int, ...]) -> list[int]:
    """Return the values, each that is too large for its place as the extra field of zip64 has it."""
    large = _field(extra, 1)
    numbers = iter(struct.unpack(f"<{len(large) // 8}Q", large[: len(large) // 8 * 8]))
    return [next(numbers, value) if value == _IN_ZIP64 else value for value in values]


def _field(extra: bytes, wanted: int) -> bytes:
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == wanted:
            return extra[4 : 4 + length]
        extra = extra[4 + length :]
    return b""


def _content(file: BinaryIO, entry: Entry) -> int:
    """Return where an entry's bytes begin: behind its local header."""
    local = _unpacked(file, entry.start, _LOCAL, b"PK\x03\x04")
    if local is None:
        raise ArchiveRefused(DAMAGED)
    return entry.start + _LOCAL.size + local[1] + local[2]


def _unpacked(file: BinaryIO, at: int, what: struct.Struct, magic: bytes) -> tuple[int, ...] | None:
    if not (at >= 0 and _begins_with(file, at, magic)):
        return None
    file.seek(at)
    read = file.read(what.size)
    return what.unpack(read) if len(read) == what.size else None


def _begins_with(file: BinaryIO, at: int, magic: bytes) -> bool:
    file.seek(at)
    return file.read(len(magic)) == magic
