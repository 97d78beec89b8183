"""Sends the emails of mailings: one thread begins many at once, one writes down what was answered, others call.

While the database is written to for some, others are begun: neither waits for the other's disk.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Final
from uuid import UUID

from django.db import connection

from delivery.queue import claims
from delivery.queue.fairness import BULK, FairQueue, Turn
from delivery.routing import governor
from delivery.routing.governor import Permit
from delivery.sending import waves
from delivery.sending.outcomes import Outcome
from delivery.sending.rounds import GoingOn
from delivery.sending.waves import Begun, Ended
from delivery.workers import loop
from delivery.workers.callers import Callers

_LANES: Final = (BULK,)
_IDLE_SECONDS: Final = 0.25
_GATHER_SECONDS: Final = 0.025  # for answers that come together: a wave costs about as much as three emails
_LATEST: Final = 0.25  # seconds: a thread waits for the moment of its email
_SOON: Final = 0.1  # seconds until another email may have come near its moment
_MOST_UNSETTLED: Final = 2  # times the threads: so many answers wait where the database is slow
_FAILED: Final = "Emails of mailings could not be handed over"
Part = tuple[UUID, Permit, Turn | None]  # an email to be claimed; its turn, which counts for its team


class BulkSender:
    """Emails of mailings under way: never more calls than threads, so that an end of the process leaves no more doubts.

    What has been answered stands in the journal; it may wait to be settled while others are begun.
    """

    def __init__(self, threads: int) -> None:
        """Take how many calls are made at once."""
        self._threads = threads
        self._queue = FairQueue([_LANES] * threads)
        self._callers = Callers()
        self._answered: SimpleQueue[Ended] = SimpleQueue()
        self._calls: dict[UUID, Turn | None] = {}  # that are under way; each is one of its team's
        self._unsettled: dict[UUID, None] = {}  # these, and what was answered
        self._has_room = threading.Event()
        self._pause = _IDLE_SECONDS  # until the next step, unless an answer comes before

    def step(self, going_on: GoingOn) -> None:
        """Write down what has been answered, and begin as many."""
        self.settle()
        self.begin(going_on)

    def wait(self, seconds: float = _IDLE_SECONDS) -> None:
        """Wait until there is something to settle."""
        try:
            first = self._answered.get(timeout=seconds)
        except Empty:
            return
        self._answered.put(first)
        time.sleep(_GATHER_SECONDS)

    def wait_for_room(self) -> None:
        """Wait until there may be something to begin."""
        if self._has_room.wait(self._pause) and self._pause:
            time.sleep(_GATHER_SECONDS)

    @property
    def is_busy(self) -> bool:
        """Tell whether anything is not settled."""
        return bool(self._unsettled)

    def close(self) -> None:
        """End the threads that call."""
        self._callers.close()

    def settle(self) -> None:
        """Write down what has been answered."""
        ended = list(_all_of(self._answered))
        try:
            waves.settle(ended)
        finally:
            for each in ended:
                del self._unsettled[each.begun.email.pk]

    def begin(self, going_on: GoingOn) -> None:
        """Begin as many as calls are free."""
        self._pause = _IDLE_SECONDS
        self._has_room.clear()
        if not loop.may_begin(going_on):
            return
        parts: list[Part] = []
        begun: list[Begun] = []
        try:
            self._take(parts)
            begun = self._claimed(parts, going_on) if parts else []
        finally:
            self._give_back(parts, {each.email.pk for each in begun})
        for each in begun:
            self._offer(each)
        if parts and not begun:  # of these nobody is to be asked, or another process has them
            self._pause = 0.0

    def _claimed(self, parts: list[Part], going_on: GoingOn) -> list[Begun]:
        permits = {pk: permit for pk, permit, _ in parts}
        bundles = claims.take_all(list(permits))
        return waves.begin([(bundle, permits[bundle.email.pk]) for bundle in bundles], going_on)

    def _take(self, parts: list[Part]) -> None:
        """Take emails to be claimed now, each with its permit; those that must wait for one stay where they are."""
        known = self._unsettled.copy()  # another thread settles some meanwhile
        while self._may_call(len(parts) + 1) and (part := self._next(is_first=not parts)):
            if part[0] in known:  # the queue begins anew with those that are not claimed yet
                self._give_back([part], set())
                return
            parts.append(part)
            known[part[0]] = None

    def _may_call(self, more: int) -> bool:
        """Tell whether there is a thread for so many more: it must have started before the attempt is durable."""
        calls = len(self._calls) + more
        is_behind = len(self._unsettled) + more > _MOST_UNSETTLED * self._threads
        return calls <= self._threads and not is_behind and self._callers.are(calls)

    def _next(self, *, is_first: bool) -> Part | None:
        turn = self._queue.begin(_LANES)
        if turn is None:
            return None
        is_alone = is_first and not self._calls
        permit = None
        try:
            permit = governor.permit(BULK, governor.PATIENCE if is_alone else 0.0)
            if permit and (is_alone or permit.seconds() <= _LATEST):
                permit.waits_at_call = True
                return turn.pk, permit, turn
        except BaseException:
            self._leave(turn)
            raise
        self._leave(turn)
        self._pause = _SOON
        if permit:
            permit.give_back()
            return None
        urgent = self._queue.urgent.take(BULK)
        return (urgent, Permit(stays=False), None) if urgent else None

    def _leave(self, turn: Turn) -> None:
        """Leave an email where it was in the queue."""
        self._queue.end(turn, _LANES)
        self._queue.put_back(turn)

    def _give_back(self, parts: list[Part], begun: Collection[UUID]) -> None:
        """Give back what the emails that have not begun have taken."""
        for pk, permit, turn in parts:
            permit.give_back()
            if pk in begun:
                self._calls[pk], self._unsettled[pk] = turn, None
            else:
                self._queue.end(turn, _LANES)

    def _offer(self, begun: Begun) -> None:
        def job() -> None:
            outcome = _called(begun)
            self._queue.end(self._calls.pop(begun.email.pk), _LANES)
            self._answered.put(Ended(begun, outcome))
            self._has_room.set()

        self._callers.call(job)


def threads(of: int) -> int:
    """Return how many calls a worker with so many threads makes for mailings: three for four others."""
    return max(1, of * 3 // 4)


def run(going_on: GoingOn, threads: int) -> None:
    """Send while it goes on; then finish what is under way."""
    sender, over = BulkSender(threads), threading.Event()
    settling = threading.Thread(target=_settle_on, args=(sender, over), name="settling")
    settling.start()
    while going_on():
        loop.guarded(lambda: sender.begin(going_on), _FAILED)
        sender.wait_for_room()
    over.set()
    settling.join()
    sender.close()
    connection.close()


def _settle_on(sender: BulkSender, over: threading.Event) -> None:
    """Write down what is answered until nothing more is begun and everything is settled."""
    while not over.is_set() or sender.is_busy:
        loop.guarded(sender.settle, _FAILED)
        sender.wait()
    connection.close()


def _called(begun: Begun) -> Callable[[], Outcome]:
    """Make the calls of one email; return what returns its outcome, or raises what they have raised."""
    future: Future[Outcome] = Future()
    try:
        future.set_result(_call(begun))
    except BaseException as error:  # noqa: BLE001 - it is raised where the email is settled
        future.set_exception(error)
    return future.result


def _call(begun: Begun) -> Outcome:
    """Make the calls of one email. The database is asked only where a provider has failed."""
    try:
        return waves.offer(begun)
    finally:
        if connection.connection is not None:
            connection.close()


def _all_of(answered: "SimpleQueue[Ended]") -> Iterator[Ended]:
    while True:
        try:
            yield answered.get_nowait()
        except Empty:
            return
