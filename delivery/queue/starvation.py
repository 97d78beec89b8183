"""Starved emails: a broker's queue is first in, first out, so one team's newsletter can hold up all the others."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from django.db.models.functions import Now

from delivery.models import Email
from delivery.queue import fairness

PATIENCE = timedelta(seconds=2)  # an email due for longer should have been sent by its own message
_READ_AGAIN_SECONDS = 1.0
Waiting = tuple[int | None, UUID]  # team's id, email's id


class StarvedEmails:
    """Gives out emails that have been due for too long to the threads of one process, round robin between teams.

    An email may be given out twice, here or by another process; the claim decides.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self._ready: dict[str, deque[Waiting]] = {lane: deque() for lane in fairness.LANES}
        self._last_team: dict[str, int] = dict.fromkeys(fairness.LANES, 0)
        self._look_at: dict[str, float] = dict.fromkeys(fairness.LANES, 0.0)

    def take(self, lane: str, *, but: int | None) -> UUID | None:
        """Return a starved email of a team other than `but`, or None if none is known.

        While one thread reads the database, the others get None instead of waiting.
        """
        if not self._lock.acquire(blocking=False):
            return None
        try:
            return self._next(lane, but)
        finally:
            self._lock.release()

    def _next(self, lane: str, but: int | None) -> UUID | None:
        ready = self._ready[lane]
        if not ready and time.monotonic() >= self._look_at[lane]:
            ready.extend(self._look(lane))
            self._look_at[lane] = time.monotonic() + _READ_AGAIN_SECONDS
        while ready:
            team, pk = ready.popleft()
            if team != but:
                return pk
        return None

    def _look(self, lane: str) -> Iterator[Waiting]:
        overdue = Email.objects.due().innocent().filter(priority=lane, due_at__lte=Now() - PATIENCE)
        yield from ((None, pk) for pk in fairness.some(overdue.filter(team=None)))
        for team in fairness.teams(lane, self._last_team[lane]):
            self._last_team[lane] = team
            yield from ((team, pk) for pk in fairness.some(overdue.filter(team=team)))
