"""Whose email is next: high priority before normal, and every owner in turn, however many emails one has waiting."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest
from uuid import UUID

from delivery.models import Email
from delivery.models.email import EmailQuerySet

HIGH, NORMAL = LANES = Email.Priority.HIGH, Email.Priority.NORMAL
_AT_A_TURN = 5  # emails of one owner
_MOST_OWNERS = 50  # at a time
_LOOKED_UP = 100  # emails at a time, where a few owners have more than one turn among them
_FRESH_SECONDS = 1.0  # so soon an owner who was not there when they were looked up has a turn
_EMPTY_SECONDS = 0.5  # before an empty queue is looked at again, by however many threads


class _Lane:
    """What was looked up of one priority."""

    def __init__(self) -> None:
        self.empty_until = 0.0
        self.last_owner = 0
        self._turn: deque[UUID] = deque()  # of every owner
        self._further: deque[UUID] = deque()  # turns of the same owners, while nobody else can have come
        self._fresh_until = 0.0

    def next(self) -> UUID | None:
        if self._turn:
            return self._turn.popleft()
        fresh = self._further and time.monotonic() < self._fresh_until
        return self._further.popleft() if fresh else None

    def fill(self, owners: list[list[UUID]]) -> None:
        turns = zip_longest(*(_turns(emails) for emails in owners), fillvalue=())
        first, *further = [list(chain(*turn)) for turn in turns] or [[]]
        self._turn, self._further = deque(first), deque(chain(*further))
        self._fresh_until = time.monotonic() + _FRESH_SECONDS


class FairQueue:
    """Gives out the emails that are due, one by one, to many threads of one process.

    An email may be given out twice, here or by another process: its claim decides.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self._lock = threading.Lock()
        self._lanes: dict[str, _Lane] = {HIGH: _Lane(), NORMAL: _Lane()}

    def take(self, lanes: Sequence[str]) -> UUID | None:
        """Return the next email of the first of these lanes that has one."""
        with self._lock:
            return next((pk for lane in lanes if (pk := self._next(lane))), None)

    def _next(self, priority: str) -> UUID | None:
        lane = self._lanes[priority]
        email = lane.next()
        if email is None and time.monotonic() >= lane.empty_until:
            lane.fill(_looked_up(priority, lane))
            email = lane.next()
            if email is None:
                lane.empty_until = time.monotonic() + _EMPTY_SECONDS
        return email


def _looked_up(priority: str, lane: _Lane) -> list[list[UUID]]:
    """Return some emails of each owner who has any, beginning after the owner who came last."""
    emails = Email.objects.due().innocent().filter(priority=priority)
    in_turn = list(owners(priority, lane.last_owner))
    lane.last_owner = in_turn[-1] if in_turn else lane.last_owner
    most = max(_AT_A_TURN, _LOOKED_UP // (1 + len(in_turn)))
    return [some(emails.filter(owner=owner), most) for owner in (None, *in_turn)]


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


def some(emails: EmailQuerySet, most: int = _AT_A_TURN) -> list[UUID]:
    """Return the first of them, as many as go at one turn."""
    return list(emails.values_list("pk", flat=True)[:most])


def _following(waiting: EmailQuerySet, owner: int) -> int | None:
    """Return the next owner with emails waiting, after the last one the first again."""
    owners = waiting.order_by("owner").values_list("owner", flat=True)
    return owners.filter(owner__gt=owner).first() or owners.first()


def _turns(emails: list[UUID]) -> list[list[UUID]]:
    return [emails[start : start + _AT_A_TURN] for start in range(0, len(emails), _AT_A_TURN)]
