"""Whose email is next: high priority before normal, and every owner in turn, however many emails one has waiting."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from uuid import UUID

from delivery.models import Email
from delivery.models.email import EmailQuerySet

HIGH, NORMAL = LANES = Email.Priority.HIGH, Email.Priority.NORMAL
_AT_A_TURN = 5  # emails of one owner
_MOST_OWNERS = 50  # at a time
_EMPTY_SECONDS = 0.5  # before an empty queue is looked at again, by however many threads


class Turns:
    """Gives out the emails that are due, one by one, to many threads of one process.

    An email may be given out twice, here or by another process: its claim decides.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self._lock = threading.Lock()
        self._ready: dict[str, deque[UUID]] = {lane: deque() for lane in (HIGH, NORMAL)}
        self._last_owner: dict[str, int] = dict.fromkeys((HIGH, NORMAL), 0)
        self._empty_until: dict[str, float] = dict.fromkeys((HIGH, NORMAL), 0.0)

    def take(self, lanes: Sequence[str]) -> UUID | None:
        """Return the next email of the first of these lanes that has one."""
        with self._lock:
            return next((pk for lane in lanes if (pk := self._next(lane))), None)

    def _next(self, lane: str) -> UUID | None:
        ready = self._ready[lane]
        if not ready and time.monotonic() >= self._empty_until[lane]:
            ready.extend(self._refill(lane))
            if not ready:
                self._empty_until[lane] = time.monotonic() + _EMPTY_SECONDS
        return ready.popleft() if ready else None

    def _refill(self, lane: str) -> Iterator[UUID]:
        """Yield some emails of each owner who has any, beginning after the owner who came last."""
        emails = Email.objects.due().innocent().filter(priority=lane)
        yield from some(emails.filter(owner=None))
        for owner in owners(lane, self._last_owner[lane]):
            self._last_owner[lane] = owner
            yield from some(emails.filter(owner=owner))


def owners(lane: str, last: int) -> Iterator[int]:
    """Yield owners who have emails waiting, each once, beginning after the one who came last."""
    waiting = Email.objects.waiting().filter(priority=lane, owner__isnull=False)
    first = None
    for _ in range(_MOST_OWNERS):
        owner = _following(waiting, last)
        if owner is None or owner == first:
            return
        first, last = first or owner, owner
        yield owner


def some(emails: EmailQuerySet) -> list[UUID]:
    """Return what goes at one turn."""
    return list(emails.values_list("pk", flat=True)[:_AT_A_TURN])


def _following(waiting: EmailQuerySet, owner: int) -> int | None:
    """Return the next owner with emails waiting, after the last one the first again."""
    owners = waiting.order_by("owner").values_list("owner", flat=True)
    return owners.filter(owner__gt=owner).first() or owners.first()
