"""Exports of the log as CSV that a spreadsheet opens and computes nothing of."""

import csv
from collections.abc import Iterator
from typing import Any, Final

from django.db.models import QuerySet

from delivery.content import formulas
from delivery.content.csv_lines import Line
from delivery.models import Email, Recipient

_AT_ONCE: Final = 1000  # rows read from the database
_MOST_RECIPIENTS: Final = 50  # named of one email
_READ: Final = (
    *("id", "created_at", "finished_at", "status", "from_address", "subject", "provider", "reason"),
    *("possible_duplicate", "tags", "metadata", "resend_of", "team"),
)
COLUMNS: Final = (
    *("id", "accepted", "finished", "status", "from", "to", "recipients", "subject", "provider"),
    *("reason", "possible_duplicate", "tags", "metadata", "resend_of", "team", "became"),
)


def lines(emails: QuerySet[Email]) -> Iterator[str]:
    """Yield a file in pieces (RFC 4180), the header first; without bodies."""
    line = Line()
    writer = csv.writer(line, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    rows = emails.only(*_READ, "team__name").select_related("team").prefetch_related("recipients")
    for email in rows.iterator(chunk_size=_AT_ONCE):
        writer.writerow([formulas.safe(cell) for cell in _cells(email)])
        if line.is_full():
            yield line.taken()
    yield line.taken()


def _cells(email: Email) -> list[str]:
    recipients = list(email.recipients.all())
    return [
        str(email.pk),
        email.created_at.isoformat(timespec="milliseconds"),
        email.finished_at.isoformat(timespec="milliseconds") if email.finished_at else "",
        email.status,
        email.from_address,
        "; ".join(row.address for row in recipients[:_MOST_RECIPIENTS]),
        str(len(recipients)),
        email.subject,
        email.provider,
        email.reason,
        "yes" if email.possible_duplicate else "",
        ", ".join(map(str, email.tags)),
        "; ".join(f"{name}={value}" for name, value in _pairs(email.metadata)),
        str(email.resend_of or ""),
        email.team.name if email.team else "",
        "; ".join(map(_became, recipients[:_MOST_RECIPIENTS])),
    ]


def _became(recipient: Recipient) -> str:
    """Return what became of it for a recipient, in the order of the column `to`, with the mail server's words."""
    return f"{recipient.status}: {recipient.reason}" if recipient.reason else recipient.status


def _pairs(mapping: Any) -> list[tuple[str, Any]]:
    return list(mapping.items()) if isinstance(mapping, dict) else []
