"""What became of each recipient of a mailing, as a file: for a spreadsheet, unless it is to be exact."""

from collections.abc import Iterator
from typing import Final

from django.db.models import QuerySet

from delivery.audience import exports
from delivery.models import MailingRecipient

COLUMNS: Final = ("address", "state", "reason", "provider", "possible_duplicate", "at")
_HEADER: Final = ("email", *COLUMNS[1:])


def recipients(
    rows: QuerySet[MailingRecipient], *, for_spreadsheet: bool = True, delimiter: str = ","
) -> Iterator[str]:
    """Yield the file in pieces; a million rows take no more memory than a thousand."""
    found = rows.order_by("pk").values_list(*COLUMNS).iterator(chunk_size=exports.AT_ONCE)
    lines = ([*row, str(doubled).lower(), at.isoformat() if at else ""] for *row, doubled, at in found)
    return exports.table(_HEADER, lines, for_spreadsheet, delimiter)
