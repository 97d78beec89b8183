"""Whose email has been passed over: a broker's queue is in order of arrival, and one owner's newsletter may fill it."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from django.db.models.functions import Now

from delivery.models import Email
from delivery.queue import fairness

PATIENCE = timedelta(seconds=2)  # what is due for longer should have been sent by its own message
_LOOK_AGAIN_SECONDS = 1.0
Waiting = tuple[int | None, UUID]  # an owner, an email


class StarvedEmails:
    """Gives out, to the threads of one process, emails that have been due for too long, the owners in turn.

    An email may be given out twice, here or by another process: its claim decides.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self._lock = threading.Lock()
        self._ready: dict[str, deque[Waiting]] = {lane: deque() for lane in fairness.LANES}
        self._last_owner: dict[str, int] = dict.fromkeys(fairness.LANES, 0)
        self._look_at: dict[str, float] = dict.fromkeys(fairness.LANES, 0.0)

    def take(self, lane: str, *, but: int | None) -> UUID | None:
        """Return an email of another owner than this one, or None when nobody else is known to have been passed over.

        No thread waits for another one that is looking.
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
            self._look_at[lane] = time.monotonic() + _LOOK_AGAIN_SECONDS
        while ready:
            owner, pk = ready.popleft()
            if owner != but:
                return pk
        return None

    def _look(self, lane: str) -> Iterator[Waiting]:
        overdue = Email.objects.due().innocent().filter(priority=lane, due_at__lte=Now() - PATIENCE)
        yield from ((None, pk) for pk in fairness.some(overdue.filter(owner=None)))
        for owner in fairness.owners(lane, self._last_owner[lane]):
            self._last_owner[lane] = owner
            yield from ((owner, pk) for pk in fairness.some(overdue.filter(owner=owner)))
