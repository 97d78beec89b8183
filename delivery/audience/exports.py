"""Contacts as CSV: exact, or so that a spreadsheet opens it and computes nothing of it. Both can be imported again."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from delivery.audience import columns, synonyms
from delivery.audience import rows as rows_
from delivery.audience.questions import NotTaken
from delivery.content import formulas
from delivery.content.csv_lines import Line
from delivery.models import Contact, Import, Membership

DELIMITERS: Final = (",", ";", "\t", "|")
AT_ONCE: Final = 500  # rows read from the database
_BOM: Final = "\ufeff"
_FIELDS: Final = columns.FIELDS
_MEMBERSHIP: Final = ("status", "since", "by")
_MOST_NAMES: Final = columns.MOST - len(_FIELDS) - len(_MEMBERSHIP)  # more columns no import takes
_REJECTS: Final = ("line", "column", "code", "value")
_TOO_MANY: Final = (
    f"The data of these contacts has more than {_MOST_NAMES} names, and each would be a column; "
    "export a group that has fewer, or read them as JSON"
)
_KEYS: Final = {
    "sqlite": "SELECT DISTINCT key FROM ({rows}), json_each(data) ORDER BY key LIMIT {most}",
    "postgresql": "SELECT DISTINCT jsonb_object_keys(data) FROM ({rows}) listed ORDER BY 1 LIMIT {most}",
}


def contacts(
    rows: QuerySet[Contact], *, for_spreadsheet: bool = False, delimiter: str = ","
) -> Iterator[str]:
    """Yield a file of contacts in pieces, with a column for every name in their data; raise NotTaken for too many."""
    names = _names(rows)
    header = [*_FIELDS, *_headers(names)]
    found = rows.order_by("-id").iterator(chunk_size=AT_ONCE)
    return table(header, (_cells(each, names) for each in found), for_spreadsheet, delimiter)


def members(
    rows: QuerySet[Membership], *, for_spreadsheet: bool = False, delimiter: str = ","
) -> Iterator[str]:
    """Yield a file of members in pieces, with their status; raise NotTaken for too many names in their data."""
    names = _names(Contact.objects.filter(pk__in=rows.values("contact")))
    header = [*_FIELDS, *_headers(names, _MEMBERSHIP), *_MEMBERSHIP]
    found = rows.order_by("-id").iterator(chunk_size=AT_ONCE)
    lines = ([*_cells(row.contact, names), row.status, row.since.isoformat(), row.by] for row in found)
    return table(header, lines, for_spreadsheet, delimiter)


def rejects(imported: Import) -> Iterator[str]:
    """Yield a file of the rows that were not taken, in pieces; a spreadsheet opens it."""
    found = imported.rejects.order_by("id").values_list(*_REJECTS)
    return table(_REJECTS, found.iterator(chunk_size=AT_ONCE), True, ",")


def table(header: Sequence[str], rows: Any, for_spreadsheet: bool, delimiter: str) -> Iterator[str]:
    """Yield a file of these rows in pieces."""
    line = Line()
    if for_spreadsheet:
        line.write(_BOM)
    writer = csv.writer(line, delimiter=delimiter)
    guard = formulas.safe_but_numbers if for_spreadsheet else str
    writer.writerow(map(guard, header))
    for row in rows:
        writer.writerow([guard(str(cell)) for cell in row])
        if line.is_full():
            yield line.taken()
    yield line.taken()


def _cells(contact: Contact, names: Sequence[str]) -> list[str]:
    data = contact.data
    return [
        *[getattr(contact, field) for field in _FIELDS],
        *[rows_.text_of(data[name]) if name in data else "" for name in names],
    ]


def _headers(names: Sequence[str], others: Sequence[str] = ()) -> list[str]:
    """Return the headers of names in the data, which an import takes neither for fields nor for one another."""
    alike = Counter(name.casefold() for name in (*names, *others))
    return [
        name if _is_plain(name) and alike[name.casefold()] == 1 else f"{columns.DATA}{name}" for name in names
    ]


def _is_plain(name: str) -> bool:
    is_own = name.startswith(columns.DATA) or synonyms.fields([name]) != [""]
    return bool(name) and not is_own and rows_.stripped(name) == name


def _names(rows: QuerySet[Contact]) -> list[str]:
    try:
        listed, values = rows.order_by().values("data").query.sql_with_params()
    except EmptyResultSet:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_KEYS[connection.vendor].format(rows=listed, most=_MOST_NAMES + 1), values)
        names = [name for (name,) in cursor.fetchall()]
    if len(names) > _MOST_NAMES:
        raise NotTaken("too_many_columns", _TOO_MANY)
    return names
