"""What a team and a key may do: their own rows of limits, and the defaults of the settings.

Who has no limit has no account here, and costs no statement: the rows come with the key (delivery/access/keys).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist

from delivery.models import ApiKey, Limits, Team

_MIB: Final = 1024 * 1024
_A_SECOND: Final = 1_000_000_000  # nanoseconds
_A_BURST: Final = 60  # seconds of the rate that may come at once, unless a burst is set


@dataclass(frozen=True, kw_only=True)
class Rate:
    """One rate of an account: for all, or for high priority alone."""

    name: str  # of its policy, and the column of the row that has its state
    column: str
    per_second: float  # recipients
    burst: int  # recipients at once

    @property
    def interval(self) -> int:
        """Return the nanoseconds that one recipient costs; rounded up, so that the rate is never exceeded."""
        return math.ceil(_A_SECOND / self.per_second)


@dataclass(frozen=True, kw_only=True)
class Terms:
    """The limits that count; 0: none."""

    per_second: float = 0.0  # recipients
    burst: int = 0  # recipients at once
    high_per_second: float | None = None  # of high priority alone; None: it shares the rate of all
    high_burst: int = 0
    daily: int = 0  # recipients in 24 hours
    waiting: int = 0  # emails
    stored: int = 0  # bytes

    def limit_something(self) -> bool:
        """Tell whether there is any limit."""
        return bool(self.per_second or self.high_per_second or self.daily or self.waiting or self.stored)

    @property
    def rates(self) -> tuple[Rate, ...]:
        """Return the rates that count."""
        found = [
            Rate(name="burst", column="full_at", per_second=self.per_second, burst=self.burst),
            Rate(
                name="high-burst",
                column="high_full_at",
                per_second=self.high_per_second or 0.0,
                burst=self.high_burst,
            ),
        ]
        return tuple(rate for rate in found if rate.per_second)

    def counted(self, rate: Rate, recipients: int, high: int) -> int:
        """Return how many of these recipients, of whom some are of high priority, this rate counts."""
        if self.high_per_second is None:
            return recipients
        return high if rate.column == "high_full_at" else recipients - high


@dataclass(frozen=True, kw_only=True)
class Account:
    """A team, or a key, with limits."""

    team: int
    key: int | None  # None: the account is the team's; of rotated keys the first, for all of them
    terms: Terms

    @property
    def prefix(self) -> str:
        """Return how the names of its policies begin."""
        return "key-" if self.key else ""


def accounts(team: Team | None, key: ApiKey | None = None) -> tuple[Account, ...]:
    """Return the accounts that limit what this key of this team sends; the team's first, in every process."""
    return tuple(_accounts(team, key)) if team else ()


def _accounts(team: Team, key: ApiKey | None) -> Iterator[Account]:
    default, own = _defaults(), _row(team)
    of_team = _terms(own, default) if own else default
    if of_team.limit_something():
        yield Account(team=team.pk, key=None, terms=of_team)
    first = key and (key.limited_as or key)  # of its rotations, which count together
    if first and (row := _row(first)) and (of_key := _terms(row, Terms())).limit_something():
        yield Account(team=team.pk, key=first.pk, terms=of_key)


def _row(holder: Team | ApiKey) -> Limits | None:
    try:
        return holder.limits
    except ObjectDoesNotExist:
        return None


def _defaults() -> Terms:
    per_second = settings.GOMAIL_RATE_PER_SECOND
    return Terms(
        per_second=per_second,
        burst=settings.GOMAIL_RATE_BURST or math.ceil(_A_BURST * per_second),
        daily=settings.GOMAIL_DAILY_EMAILS,
        waiting=settings.GOMAIL_WAITING_EMAILS,
        stored=settings.GOMAIL_STORED_MB * _MIB,
    )


def _terms(row: Limits, default: Terms) -> Terms:
    per_second = default.per_second if row.per_second is None else row.per_second
    burst = settings.GOMAIL_RATE_BURST if row.burst is None and row.team_id else row.burst
    return Terms(
        per_second=per_second,
        burst=burst or math.ceil(_A_BURST * per_second),
        high_per_second=row.high_per_second,
        high_burst=row.high_burst or math.ceil(_A_BURST * (row.high_per_second or 0)),
        daily=default.daily if row.daily is None else row.daily,
        waiting=default.waiting if row.waiting is None else row.waiting,
        stored=default.stored if row.stored_mb is None else row.stored_mb * _MIB,
    )
