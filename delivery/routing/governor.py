"""The governor: no provider gets more than its account may send, and the next one takes over before it is used up.

Providers without a known quota cost nothing here. What waits for its turn is no failure of anybody.
See docs/decisions/0044 and docs/quotas.md.
"""

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from delivery.db import clock
from delivery.models import Email
from delivery.routing import circuit_cache, configured, policy
from delivery.routing.lines import A_SECOND, Line, Slot
from delivery.routing.policy import Refusal
from providers.base import Metered, Provider

PATIENCE: Final = 1.0  # seconds for which somebody waits for a turn: a client, or a thread of a worker
_ASK_AGAIN: Final = timedelta(seconds=30)  # while a day is used up
_SHORTEST: Final = 0.005  # seconds
_LONGEST: Final = 6.0  # seconds to the moment of a slot, unless the clock was set back since it was taken


class Used(Exception):
    """The provider's day has no room for this priority."""


class Busy(Exception):
    """The provider's rate has no room within the time that somebody waits."""


class Permit:
    """How an email comes to a provider with a quota; a worker takes a moment there before it claims the email."""

    def __init__(
        self, provider: Provider | None = None, slot: Slot | None = None, *, stays: bool = True
    ) -> None:
        """Take the provider and the moment there, if one was needed.

        `stays`: while a provider sends as fast as it may the email comes back later, and does not go to the next one.
        """
        self._provider, self._slot, self.stays = provider, slot, stays
        self.waits_at_call = False  # for its moment: whoever prepares many emails must not wait for each

    def use(self, provider: Provider, recipients: int) -> Slot | None:
        """Return the moment, once, if it is at this provider and for so many recipients."""
        if self._slot is None or self._provider is not provider or self._slot.recipients < recipients:
            return None
        slot, self._slot = self._slot, None
        return slot

    def seconds(self) -> float:
        """Return how far its moment is away; 0: it has none, or it has come."""
        return max(0.0, (self._slot.at - clock.nanoseconds()) / A_SECOND) if self._slot else 0.0

    def give_back(self) -> None:
        """Give the moment back unless it was used."""
        slot, self._slot = self._slot, None
        if self._provider and slot:
            give_back(self._provider, slot)


def permit(priority: str, patience: float = PATIENCE) -> Permit | None:
    """Take a permit for the provider that emails of this priority go to first; None: they wait for one.

    `patience`: seconds for which the caller waits for it. A provider whose day is used up, or that is not used now, is
    passed over.
    """
    now, governed = clock.now(), False
    for provider in configured.providers():
        if _is_shut(provider, now):
            continue
        if line(provider) is None:
            return Permit()
        governed = True
        try:
            return Permit(provider, reserve(provider, 1, priority, patience))
        except Used:
            continue
        except Busy:
            return None
    return None if governed else Permit()


def reserve(provider: Provider, recipients: int, priority: str, patience: float = PATIENCE) -> Slot | None:
    """Return a moment for so many recipients, after so many seconds at most; None: there is no need of one.

    Raises Used or Busy.
    """
    found, high = line(provider), _is_high(priority)
    if found is None:
        return None
    until = time.monotonic() + patience
    while (slot := found.take(recipients, high=high)) is None:
        free_at = found.free_at(recipients, high=high)
        if free_at is None:
            raise Used
        pause = max((free_at - clock.nanoseconds()) / A_SECOND, _SHORTEST)
        if time.monotonic() + pause > until:
            raise Busy
        time.sleep(pause)
    return slot


def wait_for(slot: Slot) -> None:
    """Sleep until its moment has come; after the clock was set back, no longer than it can have been away."""
    seconds = (slot.at - clock.nanoseconds()) / A_SECOND
    time.sleep(min(max(0.0, seconds), _LONGEST))


def renewed(provider: Provider, slot: Slot, priority: str) -> Slot:
    """Return the slot, or another one that was waited for if it has passed for too long."""
    found = line(provider)
    fresh = found.renew(slot, high=_is_high(priority)) if found else slot
    if fresh is not slot:
        wait_for(fresh)
    return fresh


def give_back(provider: Provider, slot: Slot) -> None:
    """Give a moment back that was not used."""
    if found := _line(provider):  # type: ignore[arg-type]  # each is itself alone; without a look at the database
        found.give_back(slot)


def refusal(provider: Provider, recipients: int, priority: str) -> Refusal:
    """Return in words why a provider is passed over, and when to ask again."""
    found = line(provider)
    free_at = found.free_at(recipients, high=_is_high(priority)) if found else None
    if free_at is None:
        reason = f"{provider.name} has used as much of its day as this priority may have."
        return Refusal(reason=reason, until=clock.now() + _ASK_AGAIN)
    return Refusal(reason=f"{provider.name} sends as fast as its account may.", until=_moment(free_at))


def is_needed() -> bool:
    """Tell whether any provider has a quota that is known."""
    return any(line(provider) for provider in configured.providers())


def comes_soon(priority: str) -> bool:
    """Tell whether a permit that was not to be had now will be, within the time that somebody waits."""
    soon, high = clock.nanoseconds() + int(PATIENCE * A_SECOND), _is_high(priority)
    free = [found.free_at(1, high=high) for one in configured.providers() if (found := line(one))]
    return any(moment is not None and moment <= soon for moment in free)


def another_is_free() -> bool:
    """Tell whether a provider without a quota is in use."""
    now = clock.now()
    return any(line(one) is None and not _is_shut(one, now) for one in configured.providers())


def seconds_for(recipients: int) -> float:
    """Return how long so many take at the rates of all providers that have one."""
    known = [found.known() for provider in configured.providers() if (found := line(provider))]
    each_second = sum(A_SECOND / reading.every for reading in known if reading and reading.every)
    return recipients / each_second if each_second else 0.0


def line(provider: Provider) -> Line | None:
    """Return the line of a provider; None: no quota of it is known."""
    found = _line(provider)  # type: ignore[arg-type]  # each is itself alone
    return found if found and found.known() else None


def forget() -> None:
    """Forget what is known of quotas, and the moments that this process has."""
    _line.cache_clear()


@lru_cache(maxsize=64)
def _line(provider: Provider) -> Line | None:
    if not isinstance(provider, Metered):
        return None
    provider.prepare()
    return Line(provider.name, provider.limits.max_recipients)


def _is_shut(provider: Provider, now: datetime) -> bool:
    circuit = circuit_cache.of_provider(provider.name)
    return circuit is not None and policy.shut(circuit, now) is not None


def _is_high(priority: str) -> bool:
    return priority == Email.Priority.HIGH


def _moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds / A_SECOND, UTC)
