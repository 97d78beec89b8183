"""From a file's bytes to its encoding: a byte order mark, the NULs of UTF-16 or 32, strict UTF-8; or somebody is asked.

No library tells one Windows code page from the other, or from a Mac's: what is no UTF-8 is shown in five of them.
"""

import codecs
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from delivery.audience.questions import NotTaken, Question

PROPOSED: Final = ("cp1252", "cp1250", "iso8859-15", "mac-roman", "cp932")  # what a preview shows
# What `encoding` may name: codecs of text that keep ASCII, or say with a byte order mark what they are.
_KNOWN: Final = frozenset(
    {codecs.lookup(f"iso8859-{number}").name for number in range(1, 17) if number != 12}
    | {codecs.lookup(f"cp125{number}").name for number in range(9)}
    | {
        codecs.lookup(name).name
        for name in (
            *("ascii", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"),
            *("utf-32", "utf-32-le", "utf-32-be"),
            *("cp437", "cp850", "cp852", "cp866", "koi8-r", "koi8-u", "mac-roman", "mac-latin2"),
            *("cp932", "shift-jis", "euc-jp", "iso2022-jp", "gb18030", "big5", "euc-kr", "cp949", "cp874"),
        )
    }
)
_MARKS: Final = (  # the longer before the one that it begins with
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# How files begin that people take for a table of theirs.
_OTHERS: Final = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (
        b"\xd0\xcf\x11\xe0",
        "a workbook of Excel 97, or one with a password; save it as .xlsx without one, or as CSV",
    ),
    (b"PK\x05\x06", "an archive that holds nothing"),
    (b"\x1f\x8b", "a compressed file"),
    (b"7z\xbc\xaf", "a compressed file"),
    (b"Rar!", "a compressed file"),
    (b"SQLite format 3", "a database"),
)
_HTML: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(!doctype|html|\?xml)", re.IGNORECASE)
_HEAD: Final = 64 * 1024
_PIECE: Final = 1024 * 1024
_MOST_NULS: Final = 0.3  # of the bytes at odd or at even places; more: they are halves of UTF-16's ASCII
# Of the four bytes of each letter, which are NUL: of all but emoji and rare ideograms.
_NULS_OF_32: Final = (("utf-32-le", (2, 3)), ("utf-32-be", (0, 1)))
_NEARLY_ALL: Final = 0.9
_SHOWN: Final = 8  # cells of a preview
_LONGEST_SHOWN: Final = 80
_AROUND: Final = 2000  # bytes before the first that is no UTF-8
_CELLS: Final = re.compile(rb"[,;\t|\r\n\"]+")


def decide(file: BinaryIO) -> str:
    """Return the encoding of a file; raise NotTaken for what is no text, Question if nobody can tell."""
    head = file.read(_HEAD)
    if not head.strip(b"\0 \t\r\n"):
        raise NotTaken("empty_file", "The file is empty")
    refuse_others(head)
    for mark, name in _MARKS:
        if head.startswith(mark):
            verify(file, name)
            return name
    name = _by_nuls(head) or "utf-8"
    if (at := _first_undecodable(file, name)) is None:
        return name
    told = f"The file is not in UTF-8, from byte {at + 1:,} on; say with `encoding` which it is in"
    raise _undecided(file, told, at)


def said(file: BinaryIO, name: str) -> str:
    """Return the encoding that somebody says, as it is stored; raise NotTaken, or Question where it is not that."""
    try:
        found = codecs.lookup(name).name if name.isascii() else ""
    except (LookupError, ValueError):  # ValueError: it holds NUL
        found = ""
    if found not in _KNOWN:
        raise _undecided(file, f"{name[:40]!a} is no encoding of text that is known here", 0)
    verify(file, found)
    return found


def verify(file: BinaryIO, name: str) -> None:
    """Raise NotTaken for what is no text, Question if it is not in this encoding to its last byte."""
    file.seek(0)
    refuse_others(file.read(_HEAD))
    if (at := _first_undecodable(file, name)) is not None:
        raise _undecided(file, f"The file is not in {name}: byte {at + 1:,} does not belong to it", at)


def preview(raw: bytes) -> dict[str, Any]:
    """Return the first cells that are not ASCII as five encodings read them."""
    cells = [cell for cell in _CELLS.split(raw) if not cell.isascii()]
    some = list(dict.fromkeys(cells))[:_SHOWN]
    return {
        "proposed": PROPOSED[0],
        "encodings": [{"encoding": each, "cells": _read(some, each)} for each in PROPOSED],
    }


def refuse_others(head: bytes) -> None:
    """Raise NotTaken for a file of another kind, told by how it begins."""
    for magic, what in _OTHERS:
        if head.startswith(magic):
            raise NotTaken("not_csv", f"The file is {what}")
    if _HTML.match(head):
        raise NotTaken("not_csv", "The file is a web page or XML")


def _undecided(file: BinaryIO, told: str, at: int) -> Question:
    """Return the question, with the cells from about this byte on."""
    file.seek(max(at - _AROUND, 0))
    return Question("encoding_undecided", told, preview(file.read(_PIECE)))


def _by_nuls(head: bytes) -> str:
    pairs = len(head) // 2 or 1
    for name, places in _NULS_OF_32:
        if all(head[at::4].count(0) > _NEARLY_ALL * len(head[at::4]) for at in places):
            return name
    if head[1::2].count(0) / pairs > _MOST_NULS:
        return "utf-16-le"
    return "utf-16-be" if head[0::2].count(0) / pairs > _MOST_NULS else ""


def _first_undecodable(file: BinaryIO, name: str) -> int | None:
    """Return the place of the first byte that is none of this encoding; None: all are."""
    decoder, at = codecs.getincrementaldecoder(name)(), 0
    for piece, is_last in _pieces(file):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(piece, is_last)
        except UnicodeDecodeError as error:
            return at - pending + error.start
        except UnicodeError:  # UTF-16 and UTF-32 without the mark that says which of the two it is
            return 0
        at += len(piece)
    return None


def _pieces(file: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    file.seek(0)
    while piece := file.read(_PIECE):
        yield piece, False
    yield b"", True


def _read(cells: list[bytes], name: str) -> list[str]:
    return [cell.decode(name, errors="replace")[:_LONGEST_SHOWN] for cell in cells]
