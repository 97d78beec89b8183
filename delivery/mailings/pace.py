"""The pace of a mailing: when each of its next emails is due, by its own rate and those for domains.

Turns are given out for the next two seconds. What one process has given out stands in the mailing's row, so that the
rate is the same however many processes take their part in it.
"""

import math
from datetime import UTC, datetime
from typing import Any, Final

from delivery.models import Mailing

AHEAD: Final = 2.0  # seconds for which emails are made before their time
_MOST_QUEUED: Final = 1_000  # emails without a rate
_LEAST_QUEUED: Final = 50
_SECONDS_QUEUED: Final = 3.0  # of the rate: so much may come at once after everything stood still


class Pace:
    """Gives out turns from this moment on; keep what it says in the transaction of what uses it."""

    def __init__(self, mailing: Mailing, now: datetime) -> None:
        self._rate: float | None = mailing.rate
        self._rates: dict[str, float] = mailing.domain_rates
        self._now = now.timestamp()
        next_at = max(mailing.next_at.timestamp(), self._now) if mailing.next_at else self._now
        self._next_at = self._near(next_at, self._rate)
        domains: dict[str, float] = mailing.domains_next_at
        self._domains = {name: self._near(at, self._rates.get(name)) for name, at in domains.items()}

    def _near(self, at: float, rate: float | None) -> float:
        """Return a turn, or the last that can have been given out: the clock may have been set back since."""
        return min(at, self._now + AHEAD + (1.0 / rate if rate else 0.0))

    def turn(self, domain: str) -> datetime | None:
        """Take the next turn for an email to this domain; None: it is too far away."""
        at = max(self._next_at, self._domains.get(domain, 0.0)) if domain in self._rates else self._next_at
        if at > self._now + AHEAD:
            return None
        if domain in self._rates:
            self._domains[domain] = at + 1.0 / self._rates[domain]
        if self._rate:
            self._next_at += 1.0 / self._rate
        return datetime.fromtimestamp(at, UTC)

    def room(self) -> int:
        """Return how many turns there are, as far as the mailing's own rate goes."""
        if not self._rate:
            return _MOST_QUEUED
        return max(0, math.floor((self._now + AHEAD - self._next_at) * self._rate) + 1)

    def full(self) -> list[str]:
        """Return the domains that have no turn now."""
        return [name for name in self._rates if self._domains.get(name, 0.0) > self._now + AHEAD]

    def room_of(self, domain: str) -> int:
        """Return how many turns one domain has."""
        free = max(self._domains.get(domain, 0.0), self._now)
        return max(0, math.floor((self._now + AHEAD - free) * self._rates[domain]) + 1)

    def changes(self) -> dict[str, Any]:
        """Return the columns of the mailing that remember what was given out."""
        next_at = datetime.fromtimestamp(self._next_at, UTC) if self._rate else None
        return {"next_at": next_at, "domains_next_at": self._domains}


def most_queued(mailing: Mailing) -> int:
    """Return how many emails of it may wait or be under way: a million bodies are never stored."""
    if not mailing.rate:
        return _MOST_QUEUED
    return max(_LEAST_QUEUED, math.ceil(_SECONDS_QUEUED * mailing.rate))
