"""The quotas of providers' accounts in the database: what is left, and one UPDATE that gives out a piece of it.

The rate is a line in time: whoever takes n recipients moves its end by n intervals, and has those moments for himself.
See docs/decisions/0044.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now

from delivery.db import compiled
from delivery.db.clock import IN_NANOSECONDS, Nanoseconds
from delivery.models import ProviderQuota
from providers.readiness import Allowance

RESERVE: Final = 10  # a tenth of the day is kept for high priority
# So much of the rate is used: a mail may be late by 60 ms, and still no 2 s see more than the vendor allows.
SHARE: Final = 0.97
_A_SECOND: Final = 1_000_000_000  # nanoseconds
_GREATEST: Final = {"postgresql": "GREATEST", "sqlite": "MAX"}


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A quota as it was a moment ago."""

    next_at: int  # nanoseconds by the database's clock
    every: int  # nanoseconds between two recipients; 0: as many as you like
    day: int | None
    used: int  # of the day, with what we have given out since the vendor counted

    @property
    def limits_something(self) -> bool:
        """Tell whether there is a rate or a day."""
        return self.every > 0 or self.day is not None

    def has_room(self, recipients: int, *, high: bool) -> bool:
        """Tell whether the day has room for so many."""
        return self.day is None or self.used + recipients <= allowed(self.day, high=high)


def allowed(day: int, *, high: bool) -> int:
    """Return how much of a day may be used by this priority."""
    return day if high else day - math.ceil(day / RESERVE)


def read(provider: str) -> Reading | None:
    """Return the quota of a provider; None: it has not told of one."""
    for found in _TOLD.run([provider]):
        used = found.used + found.taken - found.counted
        return Reading(next_at=found.next_at, every=found.every, day=found.day, used=used)
    return None


def take(provider: str, recipients: int, *, unused: int, high: bool, ahead: int) -> Reading | None:
    """Give out so many recipients and return the quota after it; None if rate or day have no room.

    `unused`: what was taken before, and not used. `ahead`: nanoseconds that the line may reach into the future before
    this.
    """
    vendor = connection.vendor
    values: dict[str, Any] = {
        "provider": provider,
        "recipients": recipients,
        "unused": unused,
        "ahead": ahead,
        "high": high,
    }
    with connection.cursor() as cursor:
        cursor.execute(_statement(vendor), values)
        rows = cursor.fetchall()
    return next((Reading(next_at=row[0], every=row[1], day=row[2], used=row[3]) for row in rows), None)


def note_throttle(provider: str) -> None:
    """Have the vendor asked again: it wanted us to slow down."""
    ProviderQuota.objects.filter(provider=provider).update(throttled_at=Now())


def cut(provider: str, most: int) -> None:
    """Forget a line that reaches further ahead than it can: the database's clock was set back."""
    rows = ProviderQuota.objects.filter(provider=provider, next_at__gt=Nanoseconds() + most)
    rows.update(next_at=Nanoseconds())


def store(provider: str, told: Allowance, *, counted: int, pace: float) -> None:
    """Keep what the vendor told; `counted`: what had been taken when it was asked."""
    every = math.ceil(_A_SECOND / (told.per_second * SHARE)) if told.per_second else 0
    ProviderQuota.objects.filter(provider=provider).update(
        per_second=told.per_second,
        every=every,
        day=told.day,
        used=told.used,
        counted=counted,
        pace=pace,
        told_at=Now(),
    )


def _told(providers: compiled.Parameters) -> QuerySet[ProviderQuota]:
    return ProviderQuota.objects.filter(provider__in=providers, told_at__isnull=False).order_by()


_TOLD = compiled.Select[ProviderQuota]("provider", _told)


def _statement(vendor: str) -> str:
    now, greatest = IN_NANOSECONDS[vendor], _GREATEST[vendor]
    table = connection.ops.quote_name(ProviderQuota._meta.db_table)
    used = "used + taken - counted"
    allowed = f"CASE WHEN %(high)s THEN day ELSE day - (day + {RESERVE - 1}) / {RESERVE} END"
    return (
        f"UPDATE {table} SET next_at = {greatest}(next_at, {now}) + %(recipients)s * every, "  # noqa: S608 - ours
        "taken = taken + %(recipients)s - %(unused)s "
        f"WHERE provider = %(provider)s AND told_at IS NOT NULL AND next_at <= {now} + %(ahead)s "
        f"AND (day IS NULL OR {used} + %(recipients)s - %(unused)s <= {allowed}) "
        f"RETURNING next_at, every, day, {used}"
    )
