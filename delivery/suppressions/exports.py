"""Exports of entries as CSV that a spreadsheet opens and computes nothing of, and that can be imported again."""

import csv
from collections.abc import Iterator

from django.db.models import QuerySet

from delivery.content import formulas
from delivery.content.csv_lines import Line
from delivery.models import Suppression
from delivery.suppressions import csv_formats

_AT_ONCE = 2000  # rows read from the database


def lines(rows: QuerySet[Suppression]) -> Iterator[str]:
    """Yield a file in pieces (RFC 4180), the header first."""
    line = Line()
    writer = csv.writer(line, quoting=csv.QUOTE_ALL)
    writer.writerow(csv_formats.COLUMNS)
    for entry in rows.iterator(chunk_size=_AT_ONCE):
        writer.writerow([formulas.safe(cell) for cell in _cells(entry)])
        if line.is_full():
            yield line.taken()
    yield line.taken()


def _cells(entry: Suppression) -> list[str]:
    return [
        entry.address,
        entry.kind,
        entry.scope,
        entry.reason,
        entry.source,
        entry.first_seen.isoformat(),
        entry.expires_at.isoformat() if entry.expires_at else "",
    ]
