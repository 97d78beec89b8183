"""The order of sending: high priority before normal, mailings last, and in each round robin between teams.

No team has more threads than its share.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from delivery.db import compiled
from delivery.db.compiled import Parameter, Parameters
from delivery.models import Email, Team
from delivery.models.email import A_MILLISECOND, EmailQuerySet
from delivery.queue.shares import UnderWay
from delivery.queue.urgency import UrgentEmails

HIGH, NORMAL, BULK = LANES = Email.Priority.HIGH, Email.Priority.NORMAL, Email.Priority.BULK
_AT_A_TURN = 5  # emails of one team in one turn
_MOST_TEAMS = 50  # read at once
_READ_AHEAD = 100  # emails read at once when there are few teams: several turns of each
_READ_AHEAD_BULK = 500  # the same of mailings, which many emails are asked for at once
_FRESH_SECONDS = 1.0  # a new team has a turn after at most this time
# An empty lane is read again after this time, by one thread: somebody waits for a sign-in code.
_EMPTY_SECONDS = {HIGH: 0.1, NORMAL: 0.25, BULK: 0.5}


@dataclass(frozen=True)
class Turn:
    """A due email, whose it is, and its priority."""

    pk: UUID
    team: int | None
    lane: str = NORMAL


class _Lane:
    """The due emails of one priority that were read ahead."""

    def __init__(self) -> None:
        self.empty_until = 0.0
        self.last_team = 0
        self._turn: deque[Turn] = deque()  # one turn of every team
        self._further: deque[Turn] = deque()  # their further turns, valid for a second: other teams may come
        self._fresh_until = 0.0

    def next(self, may_go: Callable[[Turn], bool]) -> Turn | None:
        """Take the first that may go; the others keep their places."""
        found = _take_first(self._turn, may_go)
        if found is None and time.monotonic() < self._fresh_until:
            found = _take_first(self._further, may_go)
        return found

    def put_back(self, turn: Turn) -> None:
        self._turn.appendleft(turn)

    def rests(self) -> bool:
        """Tell whether nothing was due a moment ago."""
        return not self._turn and not self._further and time.monotonic() < self.empty_until

    def fill(self, teams: list[list[Turn]]) -> None:
        turns = zip_longest(*(_turns(emails) for emails in teams), fillvalue=())
        first, *further = [list(chain(*turn)) for turn in turns] or [[]]
        self._turn, self._further = deque(first), deque(chain(*further))
        self._fresh_until = time.monotonic() + _FRESH_SECONDS


class FairQueue:
    """Gives out due emails one by one to the threads of one process, to no team more than its share of them.

    An email may be given out twice, here or by another process; the claim decides.
    """

    def __init__(self, threads: Sequence[Sequence[str]] = ()) -> None:
        """Start empty; the lanes of each thread that will ask, unless every team may have all of them."""
        self._lock = threading.Lock()
        self._lanes: dict[str, _Lane] = {lane: _Lane() for lane in LANES}
        self._threads: dict[str, int] = {lane: sum(lane in lanes for lanes in threads) for lane in LANES}
        self._busy: dict[str, int] = dict.fromkeys(
            LANES, 0
        )  # threads that serve this lane, and have an email
        self._under_way = UnderWay()
        self.urgent = UrgentEmails()

    def take(self, lanes: Sequence[str]) -> UUID | None:
        """Return the next email of the first of these lanes that has one, or None; nobody is counted."""
        with self._lock:
            found = self._first(lanes)
        return found.pk if found else None

    @contextmanager
    def taken(self, lanes: Sequence[str]) -> Iterator[Turn | None]:
        """Give the same to a thread that serves these lanes; it counts for its team until the end of the block."""
        turn = self.begin(lanes)
        try:
            yield turn
        finally:
            self.end(turn, lanes)

    def begin(self, lanes: Sequence[str]) -> Turn | None:
        """Give the same; it counts until `end` is told."""
        with self._lock:
            turn = self._first(lanes)
            self._count(turn, lanes, 1)
        return turn

    def end(self, turn: Turn | None, lanes: Sequence[str]) -> None:
        """Count a turn no longer."""
        with self._lock:
            self._count(turn, lanes, -1)

    def rests(self, lanes: Sequence[str]) -> bool:
        """Tell whether all of these lanes were empty a moment ago, and are not looked at yet."""
        return all(self._lanes[lane].rests() for lane in lanes)

    def put_back(self, turn: Turn) -> None:
        """Take back an email that was given out and not claimed: it is the next one."""
        with self._lock:
            self._lanes[turn.lane].put_back(turn)

    def _first(self, lanes: Sequence[str]) -> Turn | None:
        return next((turn for lane in lanes if (turn := self._next(lane))), None)

    def _next(self, priority: str) -> Turn | None:
        lane = self._lanes[priority]

        def may_go(turn: Turn) -> bool:
            return self._may_have(turn.team, priority)

        turn = lane.next(may_go)
        if turn is None and time.monotonic() >= lane.empty_until:
            lane.fill(_read_ahead(priority, lane))
            turn = lane.next(may_go)
            if turn is None:
                lane.empty_until = time.monotonic() + _EMPTY_SECONDS[Email.Priority(priority)]
        return turn

    def _may_have(self, team: int | None, lane: str) -> bool:
        number = self._threads[lane]
        return not number or self._under_way.allows(team, free=number - self._busy[lane], of=number)

    def _count(self, turn: Turn | None, lanes: Sequence[str], one: int) -> None:
        if turn is None:
            return
        for lane in lanes:
            self._busy[lane] += one
        (self._under_way.begin if one > 0 else self._under_way.end)(turn.team)


def _take_first(turns: deque[Turn], may_go: Callable[[Turn], bool]) -> Turn | None:
    for place, turn in enumerate(turns):
        if may_go(turn):
            del turns[place]
            return turn
    return None


def _read_ahead(priority: str, lane: _Lane) -> list[list[Turn]]:
    """Return due emails of each team that has any, starting after the team that was last."""
    if not _ANY_DUE.run(priority=priority):
        return []
    emails = Email.objects.due().innocent().filter(priority=priority)
    in_turn = list(teams(priority, lane.last_team))
    lane.last_team = in_turn[-1] if in_turn else lane.last_team
    ahead = _READ_AHEAD_BULK if priority == BULK else _READ_AHEAD
    most = max(_AT_A_TURN, ahead // (1 + len(in_turn)))
    return [
        [Turn(pk, team, priority) for pk in some(emails.filter(team=team), most)] for team in (None, *in_turn)
    ]


def _any_due(_: Parameters) -> QuerySet[Email, Any]:
    """Return a row if any email of a lane may be due: what most looks at an empty lane come to costs little."""
    waiting = Email.objects.order_by().filter(
        priority=Parameter("priority"), due_at__lte=Now() + A_MILLISECOND
    )
    return waiting.values_list("pk")[:1]


_ANY_DUE = compiled.SelectColumns("pk", _any_due)


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


def _turns(emails: list[Turn]) -> list[list[Turn]]:
    return [emails[start : start + _AT_A_TURN] for start in range(0, len(emails), _AT_A_TURN)]
