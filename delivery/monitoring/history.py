"""What became of the mail over time: counted along indexes alone, however long the log is."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from delivery.db import ids
from delivery.models import Attempt, Email, Recipient
from delivery.models.access import OWNER_COLUMN

_SAMPLE: Final = 100  # emails of each bar whose latency is looked at
_LATELY: Final = 1000  # troubled emails that are looked at for senders and domains
_FAILED: Final = (Email.Status.FAILED, Email.Status.EXPIRED)
_MISSED: Final = (Recipient.Status.BOUNCED, Recipient.Status.REJECTED, Recipient.Status.FAILED)
_AT_ONCE: Final = 250  # parts of a statement; SQLite takes 500
Part = tuple[str, list[Any]]  # of a statement, and its parameters
Counts = dict[str, list[int]]  # by a status or a provider: a number for each bar


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A span of time up to now, in bars of the same length."""

    start: datetime
    step: timedelta
    bars: int

    def edges(self) -> list[datetime]:
        """Return where the bars begin, and where the last one ends."""
        return [self.start + self.step * number for number in range(self.bars + 1)]

    def bounds(self) -> list[tuple[UUID, UUID]]:
        """Return the ids between which the emails of each bar are."""
        edges = [ids.floor(edge) for edge in self.edges()]
        return list(zip(edges, [*edges[1:-1], _LAST], strict=False))


_LAST: Final = UUID(int=(1 << 128) - 1)  # the last bar has what comes in while it is counted


def axis(now: datetime, length: timedelta, bars: int) -> Axis:
    """Return the axis of this length that ends now."""
    return Axis(start=now - length, step=length / bars, bars=bars)


def by_status(over: Axis, teams: Collection[int] | None) -> Counts:
    """Count the emails accepted in each bar by what has become of them; teams: whose, None: everybody's."""
    return _counted(over, "status", Email.Status.values, teams)


def by_provider(over: Axis, names: Sequence[str], teams: Collection[int] | None) -> Counts:
    """Count the emails accepted in each bar by the provider that took them."""
    return _counted(over, "provider", names, teams)


def _counted(over: Axis, column: str, values: Sequence[str], teams: Collection[int] | None) -> Counts:
    counts: Counts = {value: [0] * over.bars for value in values}
    if not values or (teams is not None and not teams):
        return counts
    parts = _everybody(column, values, over) if teams is None else _of_teams(column, teams, over)
    for some in batched(parts, _AT_ONCE):
        with connection.cursor() as cursor:
            cursor.execute(
                " UNION ALL ".join(part for part, _ in some), [each for _, given in some for each in given]
            )
            for number, value, count in cursor.fetchall():
                if value in counts:
                    counts[value][number] = count
    return counts


def batched(parts: Iterable[Part], size: int) -> Iterator[list[Part]]:
    """Yield the parts of a statement, so many at once."""
    rest = iter(parts)
    while some := list(islice(rest, size)):
        yield some


def _everybody(column: str, values: Sequence[str], over: Axis) -> Iterator[Part]:
    """Yield statements that count one value in one bar along the index of (column, id)."""
    for number, edges in enumerate(over.bounds()):
        one = (
            f"SELECT {number}, %s, COUNT(*) FROM delivery_email WHERE {column} = %s AND id >= %s AND id < %s"  # noqa: S608
        )
        for value in values:
            yield one, [value, value, *map(_key, edges)]


def _of_teams(column: str, teams: Collection[int], over: Axis) -> Iterator[Part]:
    """Yield statements that count all values in one bar along the index of teams, which holds the columns."""
    marks = ", ".join(["%s"] * len(teams))
    for number, edges in enumerate(over.bounds()):
        mine = f"SELECT {number}, {column}, COUNT(*) FROM delivery_email WHERE {OWNER_COLUMN} IN ({marks})"  # noqa: S608
        yield f"{mine} AND id >= %s AND id < %s GROUP BY {column}", [*teams, *map(_key, edges)]


def _key(pk: UUID) -> Any:
    return Email._meta.pk.get_db_prep_value(pk, connection)


@dataclass(frozen=True, kw_only=True)
class Latency:
    """How long emails took from their acceptance here to a provider's, in seconds; None: none was taken."""

    p50: float | None
    p95: float | None


def latencies(over: Axis, mine: QuerySet[Email]) -> list[Latency]:
    """Return the latency in each bar, by the newest 100 emails of it."""
    sampled = [_sampled(mine, low, high) for low, high in over.bounds()]
    every = [pk for some in sampled for pk in some]
    took: dict[UUID, float] = {}
    taken = Attempt.objects.filter(email__in=every, outcome=Attempt.Outcome.ACCEPTED)
    for pk, at, ms in taken.order_by("-id").values_list("email", "started_at", "latency_ms"):
        took[pk] = max(0.0, (at - accepted_at(pk)).total_seconds() + (ms or 0) / 1000)
    return [_latency(sorted(took[pk] for pk in some if pk in took)) for some in sampled]


def _sampled(mine: QuerySet[Email], low: UUID, high: UUID) -> list[UUID]:
    bar = mine.filter(pk__gte=low, pk__lt=high)
    return list(bar.order_by("-id").values_list("pk", flat=True)[:_SAMPLE])


def _latency(took: Sequence[float]) -> Latency:
    return Latency(p50=_quantile(took, 0.5), p95=_quantile(took, 0.95))


def _quantile(ordered: Sequence[float], part: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else None


def accepted_at(pk: UUID) -> datetime:
    """Return the time in an email's id, without a look at its row."""
    return datetime.fromtimestamp((pk.int >> 80) / 1000, tz=UTC)


def failing_senders(over: Axis, mine: QuerySet[Email]) -> list[tuple[str, int]]:
    """Return the senders of whom most of the newest failed emails are, with their number."""
    floor, counts = ids.floor(over.start), Counter[str]()
    for status in _FAILED:
        newest = mine.filter(status=status, pk__gte=floor).order_by("-id")
        counts.update(map(str.lower, newest.values_list("from_address", flat=True)[:_LATELY]))
    return counts.most_common(5)


def failing_domains(over: Axis, mine: QuerySet[Email]) -> list[tuple[str, int]]:
    """Return the domains to which most of what did not arrive lately was addressed, with their number."""
    floor, counts = ids.floor(over.start), Counter[str]()
    for status in _MISSED:
        rows = Recipient.objects.filter(status=status, email__gte=floor).order_by("-email")
        newest = dict.fromkeys(rows.values_list("email", flat=True)[:_LATELY])
        known = set(mine.filter(pk__in=list(newest)).values_list("pk", flat=True))
        missed = Recipient.objects.filter(email__in=known, status=status).values_list("canonical", flat=True)
        counts.update(address.rpartition("@")[2] for address in missed)
    return counts.most_common(5)
