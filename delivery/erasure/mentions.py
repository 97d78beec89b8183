"""All that is left in any text of any table: read from one end to the other, in pieces, from where it was left off."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from delivery.erasure import texts
from delivery.erasure.people import Person
from delivery.erasure.reach import Reach

_AT_ONCE = 20_000  # rows read in one statement


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Some rows of one table."""

    rows: QuerySet[Any]
    position: Mapping[str, str]  # from where to go on after it
    size: int


def pieces(reach: Reach, position: Mapping[str, str]) -> Iterator[Piece]:
    """Yield all rows within reach, from a position on."""
    tables = texts.tables()
    names = [model._meta.label for model in tables]
    first = names.index(position["table"]) if position.get("table") in names else 0
    for model in tables[first:]:
        after = position.get("after", "") if model._meta.label == position.get("table") else ""
        yield from _of(model, reach, after)


def found(person: Person, piece: Piece) -> list[Any]:
    """Return the keys of the rows that may hold the address; no transaction is needed."""
    return list(texts.holding(piece.rows, person).values_list("pk", flat=True))


def erase(person: Person, piece: Piece, pks: list[Any]) -> Counter[str]:
    """Erase what these rows mention, in the caller's transaction; `left`: those that are still being sent."""
    rows = piece.rows.model._default_manager.filter(pk__in=pks)
    count = texts.scrub(texts.at_rest(rows), person) if pks else 0
    left = sum(person.is_in(_texts(row)) for row in rows) if pks else 0
    return Counter(mentions=count, left=left, looked_through=piece.size)


def _texts(row: Any) -> list[Any]:
    return [getattr(row, name) for name in texts.columns(type(row))]


def _of(model: Any, reach: Reach, after: str) -> Iterator[Piece]:
    rows = model._default_manager.order_by("pk")
    last = model._meta.pk.to_python(after) if after else None
    while True:
        rest = rows.filter(pk__gt=last) if last is not None else rows
        some = rest.values_list("pk", flat=True)[_AT_ONCE - 1 : _AT_ONCE]
        end = next(iter(some), None)
        within = rest.filter(pk__lte=end) if end is not None else rest
        size = _AT_ONCE if end is not None else within.count()
        at = {"table": model._meta.label, "after": str(end) if end is not None else after}
        if size:
            yield Piece(rows=reach.keep(within).order_by(), position=at, size=size)
        if end is None:
            return
        last = end
