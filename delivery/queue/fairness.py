"""The order of sending: high priority before normal, and round robin between teams."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest
from uuid import UUID

from delivery.models import Email, Team
from delivery.models.email import EmailQuerySet

HIGH, NORMAL = LANES = Email.Priority.HIGH, Email.Priority.NORMAL
_AT_A_TURN = 5  # emails of one team in one turn
_MOST_TEAMS = 50  # read at once
_READ_AHEAD = 100  # emails read at once when there are few teams: several turns of each
_FRESH_SECONDS = 1.0  # a new team has a turn after at most this time
_EMPTY_SECONDS = 0.5  # an empty queue is read again after this time, by one thread


class _Lane:
    """The due emails of one priority that were read ahead."""

    def __init__(self) -> None:
        self.empty_until = 0.0
        self.last_team = 0
        self._turn: deque[UUID] = deque()  # one turn of every team
        self._further: deque[UUID] = deque()  # their further turns, valid for a second: other teams may come
        self._fresh_until = 0.0

    def next(self) -> UUID | None:
        if self._turn:
            return self._turn.popleft()
        fresh = self._further and time.monotonic() < self._fresh_until
        return self._further.popleft() if fresh else None

    def fill(self, teams: list[list[UUID]]) -> None:
        turns = zip_longest(*(_turns(emails) for emails in teams), fillvalue=())
        first, *further = [list(chain(*turn)) for turn in turns] or [[]]
        self._turn, self._further = deque(first), deque(chain(*further))
        self._fresh_until = time.monotonic() + _FRESH_SECONDS


class FairQueue:
    """Gives out due emails one by one to the threads of one process.

    An email may be given out twice, here or by another process; the claim decides.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self._lanes: dict[str, _Lane] = {HIGH: _Lane(), NORMAL: _Lane()}

    def take(self, lanes: Sequence[str]) -> UUID | None:
        """Return the next email of the first of these lanes that has one, or None."""
        with self._lock:
            return next((pk for lane in lanes if (pk := self._next(lane))), None)

    def _next(self, priority: str) -> UUID | None:
        lane = self._lanes[priority]
        email = lane.next()
        if email is None and time.monotonic() >= lane.empty_until:
            lane.fill(_read_ahead(priority, lane))
            email = lane.next()
            if email is None:
                lane.empty_until = time.monotonic() + _EMPTY_SECONDS
        return email


def _read_ahead(priority: str, lane: _Lane) -> list[list[UUID]]:
    """Return due emails of each team that has any, starting after the team that was last."""
    emails = Email.objects.due().innocent().filter(priority=priority)
    in_turn = list(teams(priority, lane.last_team))
    lane.last_team = in_turn[-1] if in_turn else lane.last_team
    most = max(_AT_A_TURN, _READ_AHEAD // (1 + len(in_turn)))
    return [some(emails.filter(team=team), most) for team in (None, *in_turn)]


def teams(lane: str, last: int) -> Iterator[int]:
    """Yield the ids of teams with waiting emails, each once, starting after the team `last`.

    Paused ones are passed over by their ids: none of their emails is looked at.
    """
    waiting = Email.objects.waiting().filter(priority=lane, team__isnull=False)
    paused = set(Team.objects.filter(paused_at__isnull=False).order_by().values_list("pk", flat=True))
    first, found = None, 0
    while found < _MOST_TEAMS:
        team = _following(waiting, last)
        if team is None or team == first:
            return
        first, last = first or team, team
        if team not in paused:
            found += 1
            yield team


def some(emails: EmailQuerySet, most: int = _AT_A_TURN) -> list[UUID]:
    """Return the ids of the first emails, at most one turn of them."""
    return list(emails.values_list("pk", flat=True)[:most])


def _following(waiting: EmailQuerySet, team: int) -> int | None:
    """Return the id of the next team with waiting emails, in a circle."""
    teams = waiting.order_by("team").values_list("team", flat=True)
    return teams.filter(team__gt=team).first() or teams.first()


def _turns(emails: list[UUID]) -> list[list[UUID]]:
    return [emails[start : start + _AT_A_TURN] for start in range(0, len(emails), _AT_A_TURN)]
