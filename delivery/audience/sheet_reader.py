"""Writes one sheet of an .xlsx file as CSV. Runs in a process of its own, which a hostile file may end.

    python -m delivery.audience.sheet_reader FILE.xlsx OUT.csv [SHEET]

Prints one JSON object: `sheet`, or `code` and `message`, with `sheets` if one has to be chosen. python-calamine makes
room for the whole rectangle between the first and the last cell, and ends the process where there is none: so the
references of all cells are looked at first. It is no module of the others, and loads nothing of Django.
"""

import csv
import datetime
import json
import re
import resource
import shutil
import sys
import zipfile
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, Final

MOST_BYTES: Final = 100 * 1024 * 1024  # of everything in the archive, unpacked
MOST_ROWS: Final = 1_000_000
MOST_CELLS: Final = 5_000_000  # columns × rows
_MEMORY: Final = 2 * 1024**3  # of this process
_PIECE: Final = 1024 * 1024
_CELL: Final = re.compile(rb"""<(?:\w+:)?c\b[^>]*?\sr=["']([A-Z]{1,3})(\d{1,9})["']""")
_ERROR: Final = re.compile(rb"""(<(?:\w+:)?c\b[^>]*?\st=["'])e(["'])""")  # a cell with #N/A and the like
_SHEET: Final = re.compile(r"xl/worksheets/[^/]+\.xml")
_SMALLEST, _LARGEST = 1e-15, 1e22  # of numbers that are written with all their digits
_SHOWN: Final = 3  # rows of each sheet of a preview


class Refused(Exception):
    """The file is not read; the code and the message say why."""

    def __init__(self, code: str, message: str, **more: Any) -> None:
        """Take what is printed."""
        self.told = {"code": code, "message": message, **more}
        super().__init__(message)


def main(source: str, target: str, wanted: str = "") -> dict[str, Any]:
    """Write the sheet, and return what is printed."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    try:
        if _look(source):
            source = _with_errors_as_text(source, f"{target}.xlsx")
        from python_calamine import CalamineError, CalamineWorkbook

        try:
            book = CalamineWorkbook.from_path(source)
            sheet = book.get_sheet_by_name(_chosen(book, wanted))
        except CalamineError as error:
            raise Refused("not_csv", f"The workbook cannot be read: {str(error)[:200]}") from error
        _write(sheet, Path(target))
    except Refused as refused:
        return refused.told
    except ImportError:
        return {"code": "not_csv", "message": "Workbooks are not read here; save the sheet as CSV"}
    return {"sheet": sheet.name}


def _look(source: str) -> bool:
    """Refuse what cannot be unpacked, or would fill the memory; tell whether cells hold errors."""
    try:
        with zipfile.ZipFile(source) as archive:
            names = archive.namelist()
            if "xl/workbook.xml" not in names:
                raise Refused("not_csv", "The file is an archive, and no workbook of Excel")
            if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                raise Refused("zip_bomb", f"Unpacked the file has more than {MOST_BYTES // 1024**2} MB")
            have_errors = [_measured(archive, name) for name in filter(_SHEET.fullmatch, names)]
            return any(have_errors)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise Refused("not_csv", f"The workbook is damaged: {str(error)[:200]}") from error


def _measured(archive: zipfile.ZipFile, name: str) -> bool:
    with archive.open(name) as sheet:
        return _measure(sheet)  # type: ignore[arg-type]


def _measure(sheet: BinaryIO) -> bool:
    """Refuse a sheet whose cells lie so far apart that the rectangle around them is too large.

    Tell whether it has errors.
    """
    columns, rows, held, has_errors = {b"A"}, [1], b"", False
    while piece := sheet.read(_PIECE):
        held += piece
        has_errors = has_errors or _ERROR.search(held) is not None
        for column, row in _CELL.findall(held):
            columns.add(column)
            rows.append(int(row))
        rows, held = [min(rows), max(rows)], held[held.rfind(b"<") :][-1000:]
        if rows[-1] > MOST_ROWS or max(map(_number, columns)) * rows[-1] > MOST_CELLS:
            raise Refused(
                "sheet_too_large",
                f"The sheet reaches to row {rows[-1]:,}; {MOST_ROWS:,} rows and {MOST_CELLS:,} cells are the most",
            )
    return has_errors


def _with_errors_as_text(source: str, target: str) -> str:
    """Write the workbook anew, with the text of its errors: python-calamine makes them empty."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            with old.open(name) as part, new.open(name, "w") as written:
                if not _SHEET.fullmatch(name):
                    shutil.copyfileobj(part, written)
                    continue
                for piece in _tags(part):  # type: ignore[arg-type]
                    written.write(_ERROR.sub(rb"\1str\2", piece))
    return target


def _tags(part: BinaryIO) -> Iterator[bytes]:
    """Yield it in pieces that cut no tag in two."""
    held = b""
    while piece := part.read(_PIECE):
        head, sign, tail = (held + piece).rpartition(b"<")
        yield head
        held = sign + tail
    yield held


def _number(column: bytes) -> int:
    """Return the number of a column by its letters."""
    number = 0
    for letter in column:
        number = number * 26 + letter - 64
    return number


def _chosen(book: Any, wanted: str) -> str:
    names: list[str] = book.sheet_names
    if wanted:
        if wanted not in names:
            raise Refused("sheet_undecided", f"There is no sheet {wanted[:80]!a}", sheets=_shown(book, names))
        return wanted
    filled = [name for name in names if book.get_sheet_by_name(name).height]
    if not filled:
        raise Refused("empty_file", "The workbook is empty")
    if len(filled) > 1:
        raise Refused(
            "sheet_undecided",
            "The workbook has several sheets; say with `sheet` which one holds the contacts",
            sheets=_shown(book, filled),
        )
    return filled[0]


def _shown(book: Any, names: Iterable[str]) -> list[dict[str, Any]]:
    return [{"sheet": name, "rows": _first_rows(book.get_sheet_by_name(name))} for name in names][:20]


def _first_rows(sheet: Any) -> list[list[str]]:
    rows: list[list[str]] = []
    for row in sheet.iter_rows():
        if len(rows) == _SHOWN:
            break
        rows.append([_text(cell)[:80] for cell in row[:20]])
    return rows


def _write(sheet: Any, target: Path) -> None:
    _, left = sheet.start or (0, 0)  # of the empty rows above it gives each, of the columns beside none
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        beside = [""] * left
        writer.writerows(_record(beside, row) for row in sheet.iter_rows())


def _record(beside: list[str], row: list[Any]) -> list[str]:
    cells = [*beside, *map(_text, row)]
    return cells if any(cells) else []


def _text(value: Any) -> str:
    """Return a cell as a person reads it: whole numbers without .0, dates in ISO 8601."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and (not value or _SMALLEST < abs(value) < _LARGEST):
        return str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")
    if isinstance(value, datetime.timedelta):
        return _hours(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return str(value)


def _hours(length: datetime.timedelta) -> str:
    """Return a length of time as Excel shows it: 36:00:00."""
    minutes, seconds = divmod(round(length.total_seconds()), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))  # noqa: T201 - its answer
