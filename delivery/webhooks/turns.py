"""Who may be posted to now: an endpoint earns calls at the same time by taking messages quickly.

Whoever is not known, slow, or refuses has one call at a time, and all of those together half of the threads.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final
from uuid import UUID

_MOST: Final = 16  # calls of one endpoint at the same time
_QUICK: Final = 2.0  # seconds


class Turns:
    """The calls under way in this process, and how its endpoints have behaved."""

    def __init__(self, threads: int) -> None:
        """Share this many threads."""
        self._threads = threads
        self._calls: Counter[UUID] = Counter()
        self._earned: dict[UUID, int] = {}  # calls at the same time; an endpoint that is not here: one
        self._turn: dict[UUID, int] = {}  # when it was last served
        self._count = 0

    def room(self, waiting: Iterable[UUID]) -> dict[UUID, int]:
        """Return how many calls of each endpoint may begin; who was served longest ago comes first."""
        given: dict[UUID, int] = {}
        free, for_slow = self._free()
        for endpoint in sorted(waiting, key=lambda one: self._turn.get(one, 0)):
            quick = endpoint in self._earned
            wanted = self._earned.get(endpoint, 1) - self._calls[endpoint]
            if (more := min(wanted, free, free if quick else for_slow)) > 0:
                given[endpoint] = more
                free -= more
                for_slow -= 0 if quick else more
        return given

    def begin(self, endpoint: UUID) -> None:
        """Note that a call begins."""
        self._count += 1
        self._calls[endpoint] += 1
        self._turn[endpoint] = self._count

    def end(self, endpoint: UUID, *, seconds: float, taken: bool) -> None:
        """Note that a call is over, and how it went: each that was taken quickly earns one more at the same time."""
        self._calls[endpoint] -= 1
        if not self._calls[endpoint]:
            del self._calls[endpoint]
        if taken and seconds <= _QUICK:
            self._earned[endpoint] = min(self._earned.get(endpoint, 1) + 1, _MOST)
        else:
            self._earned.pop(endpoint, None)

    def _free(self) -> tuple[int, int]:
        """Return how many threads are free, and how many of them slow endpoints may have."""
        slow = sum(calls for endpoint, calls in self._calls.items() if endpoint not in self._earned)
        return self._threads - self._calls.total(), self._threads // 2 - slow
