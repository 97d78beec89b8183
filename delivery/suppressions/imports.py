"""Imports of CSV files: each row becomes an entry, or a sentence that says why not. Repeating one changes nothing."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final

from django.db import transaction

from delivery.access import audit
from delivery.content import addresses, formulas, tombstones
from delivery.db import clock
from delivery.models import Suppression
from delivery.suppressions import csv_formats, entries, lookup
from delivery.suppressions.csv_formats import Line, Unreadable
from delivery.suppressions.entries import Finding

MOST_ROWS: Final = 50_000
_AT_ONCE = 1000  # entries in one transaction
_MOST_COLUMNS = 50
_LONGEST_SOURCE = 50
_DELIMITERS = ",;\t|"
ADDED, KNOWN, REFUSED = "added", "known", "refused"


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of one row."""

    row: int  # as a spreadsheet counts
    address: str
    result: str  # added, known, refused; in a dry run, what would become of it
    kind: str = ""
    scope: str = ""
    message: str = ""  # why it was refused


@dataclass(frozen=True, kw_only=True)
class Report:
    """What became of a file."""

    format: str
    results: list[Result] = field(default_factory=list)

    def count(self, result: str) -> int:
        """Return how many rows came to this."""
        return sum(row.result == result for row in self.results)


@dataclass(frozen=True, kw_only=True)
class Source:
    """Who imports, for whom."""

    team_id: int | None
    by: str
    kind: str = ""  # of rows whose file says none
    source: str = "csv"


def run(content: bytes, source: Source, *, dry_run: bool) -> Report:
    """Import a file in transactions of 1,000 entries; raise Unreadable for one that is no such CSV."""
    kind, rows = _read(content)
    report = Report(format=kind.name)
    lines = [_line(kind, number, row, source.kind) for number, row in rows]
    told = _told(kind.name, lines, source)
    for start in range(0, len(lines), _AT_ONCE):
        some = lines[start : start + _AT_ONCE]
        report.results.extend(_take(some, source, None if start else told, dry_run=dry_run))
    return report


_Numbered = tuple[int, Line | Result]


def _read(content: bytes) -> tuple[csv_formats.Format, list[tuple[int, Mapping[str, str]]]]:
    rows = _rows(_decoded(content))
    if not rows:
        raise Unreadable("The file is empty")
    first = rows[0][1]
    columns, named = csv_formats.columns_of(first)
    rows = rows[1:] if named else rows
    if len(rows) > MOST_ROWS or len(columns) > _MOST_COLUMNS:
        raise Unreadable(
            f"{MOST_ROWS:,} rows of {_MOST_COLUMNS} columns are taken at once; the file has more"
        )
    if not (found := csv_formats.recognised(columns)):
        raise Unreadable(f"No column is called address or email: {', '.join(first)[:200]!a}")
    return found, [(number, _named(columns, row)) for number, row in rows]


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("The file is not in UTF-8") from error


def _rows(text: str) -> list[tuple[int, list[str]]]:
    """Return the rows that hold anything, by their numbers; no more than it takes to see that there are too many."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    filled = ((number, row) for number, row in enumerate(reader, 1) if any(cell.strip() for cell in row))
    try:
        return list(islice(filled, MOST_ROWS + 2))  # the header, and one too many
    except csv.Error as error:
        raise Unreadable(f"The file is no CSV: {error}") from error


def _delimiter(text: str) -> str:
    first = text.lstrip("\r\n").partition("\n")[0]
    return max(_DELIMITERS, key=first.count)


def _named(columns: Sequence[str], row: Sequence[str]) -> dict[str, str]:
    return {name: formulas.unsafe(cell).strip() for name, cell in zip(columns, row, strict=False) if name}


def _line(found: csv_formats.Format, number: int, row: Mapping[str, str], kind: str) -> _Numbered:
    given = {**row, "kind": row.get("kind") or kind} if kind else row
    try:
        line = _in_force(found.read(given))
        return number, replace(line, address=addresses.bare(line.address.strip()))
    except (Unreadable, addresses.InvalidAddress) as error:
        address = next(iter(row.values()), "")[:254]
        return number, Result(row=number, address=address, result=REFUSED, message=str(error))


def _in_force(line: Line) -> Line:
    if line.expires_at and line.expires_at <= clock.now():
        raise Unreadable("It has expired")
    return line


def _told(format: str, lines: Sequence[_Numbered], source: Source) -> dict[str, Any] | None:
    """Return what the audit keeps of a file; None for one that changes nothing."""
    good = sum(isinstance(line, Line) for _, line in lines)
    of_rows = {"rows": len(lines), "refused": len(lines) - good}
    return {"format": format, "kind": source.kind, **of_rows} if good else None


def _take(
    lines: Sequence[_Numbered], source: Source, told: dict[str, Any] | None, *, dry_run: bool
) -> Iterator[Result]:
    """Yield the result of each row; the first of several rows of one entry adds it, the others are known then."""
    good = [line for _, line in lines if isinstance(line, Line)]
    fresh = _would_be_new(good, source) if dry_run else _add(good, source, told)
    for number, line in lines:
        if isinstance(line, Result):
            yield line
            continue
        scope = entries.scope_of(line.kind, line.scope)
        identity = (addresses.canonical(line.address), line.kind, scope)
        what = ADDED if identity in fresh else KNOWN
        fresh.discard(identity)
        yield Result(row=number, address=line.address, result=what, kind=line.kind, scope=scope)


def _add(lines: Sequence[Line], source: Source, told: dict[str, Any] | None) -> set[tuple[str, str, str]]:
    with transaction.atomic():
        if told:  # with the first of them, so that none is added without an entry
            audit.record("suppressions.imported", "suppressions", "", team=source.team_id, after=told)
        new = entries.add([_finding(line, source) for line in lines])
    return _identities(new, lines)


def _would_be_new(lines: Sequence[Line], source: Source) -> set[tuple[str, str, str]]:
    wanted = {
        (addresses.canonical(line.address), line.kind, entries.scope_of(line.kind, line.scope))
        for line in lines
    }
    several = [each for address, _, _ in wanted for each in lookup.known_as(address)]
    known = Suppression.objects.in_force().filter(team=source.team_id, address__in=several)
    return wanted - _identities(known, lines)


def _identities(rows: Iterable[Suppression], lines: Sequence[Line]) -> set[tuple[str, str, str]]:
    """Return what identifies the rows, by the addresses of the file: an erased person's row has another name."""
    erased = tombstones.of_each(addresses.canonical(line.address) for line in lines)
    return {(erased.get(row.address, row.address), row.kind, row.scope) for row in rows}


def _finding(line: Line, source: Source) -> Finding:
    return Finding(
        team_id=source.team_id,
        address=line.address,
        kind=line.kind,
        scope=line.scope,
        source=line.source[:_LONGEST_SOURCE] or source.source,
        reason=line.reason,
        at=line.at or clock.now(),
        expires_at=line.expires_at,
        by=source.by,
    )
