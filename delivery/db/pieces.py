"""Many rows in pieces: transactions so short that nobody waits for one."""

from collections.abc import Iterator
from typing import Any, Final

from django.db.models import QuerySet

_AT_ONCE: Final = 500  # rows


def keys(rows: QuerySet[Any], *, at_once: int = _AT_ONCE) -> Iterator[list[Any]]:
    """Yield the primary keys of the rows that are there now, in order; what comes later is not looked at."""
    pks = rows.order_by("pk").values_list("pk", flat=True)
    newest = pks.last()
    some = list(pks[:at_once])
    while newest is not None and some:
        yield some
        some = list(pks.filter(pk__gt=some[-1], pk__lte=newest)[:at_once])
