"""How a file is read: decided once when it comes, by the file and by whoever brings it."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO

from delivery.audience import columns, dialects, encodings, files, records, rows, sheets
from delivery.audience.dialects import Dialect
from delivery.audience.questions import NotTaken
from delivery.audience.records import Record
from delivery.content import formulas
from delivery.models import Import, ImportReject

_HEAD: Final = 256 * 1024  # bytes that the dialect is decided by
_SAMPLE: Final = 200  # rows
_LONGEST_SHEET: Final = 255
Code = ImportReject.Code


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What whoever brings a file says about it; what is empty, the file has to say."""

    encoding: str = ""
    delimiter: str = ""
    header: bool | None = None  # whether its first record names the columns
    sheet: str = ""
    from_spreadsheet: bool = (
        False  # take off the ' that our own exports put before what a spreadsheet would compute
    )
    mapping: dict[str, str | None] = field(default_factory=dict)  # header → field, or None: leave it out


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How to read a file, and its first rows."""

    encoding: str
    dialect: Dialect
    sheet: str
    header: bool
    columns: list[str]
    fields: list[str]
    sample: list[list[str]]


def is_workbook(path: Path) -> bool:
    """Tell whether a file is an .xlsx, by how it begins."""
    with path.open("rb") as file:
        return file.read(len(sheets.MAGIC)) == sheets.MAGIC


def decide(path: Path, asked: Asked, sheet: str = "") -> Reading:
    """Return how a file is read; `sheet`: whose table it is. Raise NotTaken, or a Question."""
    with path.open("rb") as file:
        encoding = "utf-8" if sheet else _encoding(file, asked.encoding)
        file.seek(0)
        dialect = Dialect(delimiter=",", skipped=0) if sheet else _dialect(file, encoding, asked.delimiter)
        file.seek(0)
        stream = _text(file, encoding)
        found = _records(stream, dialect, is_sheet=bool(sheet))
        first, sample = _first_of(found, dialect, asked.header), _sample(found)
        first = [formulas.unsafe(cell) for cell in first] if asked.from_spreadsheet else first
        stream.detach()
    left_out = [name for name, field in asked.mapping.items() if field is None]
    names, header = columns.names(first, asked.header, left_out)
    sample = sample if header else [first, *sample]
    fields = columns.fields(names, asked.mapping, sample)
    return Reading(
        encoding=encoding,
        dialect=dialect,
        sheet=sheet,
        header=header,
        columns=names,
        fields=fields,
        sample=sample[:_SAMPLE],
    )


@contextmanager
def opened(imported: Import) -> Iterator[tuple[BinaryIO, Iterator[Record]]]:
    """Give the file of an import, whose position tells the progress, and its records behind the header."""
    with files.opened(imported.pk) as file:
        skipped = 0 if imported.sheet else _skipped(file, imported.encoding)
        dialect = Dialect(delimiter=imported.delimiter, skipped=skipped)
        stream = _text(file, imported.encoding)
        found = _records(stream, dialect, is_sheet=bool(imported.sheet))
        if imported.header:
            _first(found)
        try:
            yield file, found
        finally:
            stream.detach()


def plan(imported: Import) -> rows.Plan:
    """Return which cell of a row becomes what."""
    places = list(enumerate(imported.fields))
    data = columns.DATA
    return rows.Plan(
        columns=tuple(imported.columns),
        email=imported.fields.index(columns.EMAIL),
        names=tuple((at, field) for at, field in places if field in columns.NAMES),
        data=tuple((at, field.removeprefix(data)) for at, field in places if field.startswith(data)),
        from_spreadsheet=imported.from_spreadsheet,
    )


def _encoding(file: BinaryIO, given: str) -> str:
    return encodings.said(file, given) if given else encodings.decide(file)


def _dialect(file: BinaryIO, encoding: str, given: str) -> Dialect:
    if given and given not in dialects.DELIMITERS:
        raise NotTaken("delimiter_undecided", "`delimiter` is a comma, a semicolon, a tab or |")
    stream = _text(io.BytesIO(file.read(_HEAD)), encoding, errors="ignore")  # of the character that is cut
    return dialects.decide(stream.read(), given)


def _skipped(file: BinaryIO, encoding: str) -> int:
    """Return how many lines stand in front of the first record."""
    stream = _text(file, encoding)
    line = stream.readline(dialects.LONGEST_SAID)
    stream.detach()
    file.seek(0)
    return 1 if dialects.SAID.fullmatch(line) else 0


def _records(stream: TextIO, dialect: Dialect, *, is_sheet: bool) -> Iterator[Record]:
    if is_sheet:
        return ((line, cells, "") for line, cells in enumerate(csv.reader(stream), 1))
    for _ in range(dialect.skipped):
        stream.readline()
    return records.read(stream, dialect.delimiter, begin=dialect.skipped + 1)


def _first_of(found: Iterator[Record], dialect: Dialect, header: bool | None) -> list[str]:
    if header is False:
        return _first_row(found)
    return _header(found, dialect, is_asked=header is None)


def _header(found: Iterator[Record], dialect: Dialect, *, is_asked: bool) -> list[str]:
    """Return the first record; raise NotTaken if it is damaged: no other one could say what the columns are."""
    line, cells, code = _first(found)
    if is_asked and rows.looks_like_an_address(cells[0] if code else ""):
        return cells  # which may be a row
    if code == Code.CELL_TOO_LONG and cells[0].count(dialect.delimiter) >= columns.MOST:
        raise columns.too_many()
    if code:
        raise NotTaken("not_csv", f"Line {line}, which should name the columns, {Code(code).label}")
    return cells


def _first_row(found: Iterator[Record]) -> list[str]:
    """Return the first record that is none of the damaged ones: those are rejected, each by its line."""
    return _first(record for record in found if not record[2])[1]


def _sample(found: Iterator[Record]) -> list[list[str]]:
    return list(islice((cells for _, cells, code in found if cells and not code), _SAMPLE))


def _first(found: Iterator[Record]) -> Record:
    return next((record for record in found if any(cell.strip() for cell in record[1])), (1, [], ""))


def _text(file: Any, encoding: str, errors: str = "strict") -> io.TextIOWrapper:
    return io.TextIOWrapper(file, encoding, errors, newline="")
