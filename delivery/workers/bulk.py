"""Sends the emails of mailings: one thread asks and tells the database for all that are under way, others call."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
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

_LANES: Final = (BULK,)
_IDLE_SECONDS: Final = 0.25
_GATHER_SECONDS: Final = 0.01  # for answers that come together to be written down together
_LATEST: Final = 0.02  # seconds: emails of one wave begin together, so their moments must be near each other
_FAILED: Final = "Emails of mailings could not be handed over"
Part = tuple[UUID, Permit, Turn | None]  # an email to be claimed; its turn, which counts for its team


class BulkSender:
    """Emails of mailings under way: never more than threads, so that an end of the process leaves no more doubts."""

    def __init__(self, threads: int) -> None:
        """Take how many calls are made at once."""
        self._threads = threads
        self._queue = FairQueue([_LANES] * threads)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="bulk")
        self._answered: SimpleQueue[Ended] = SimpleQueue()
        self._turns: dict[UUID, Turn | None] = {}  # of what is under way

    def step(self, going_on: GoingOn) -> None:
        """Write down what has been answered, and begin as many."""
        self.settle()
        self._begin(going_on)

    def wait(self, seconds: float = _IDLE_SECONDS) -> None:
        """Wait until there is something to do."""
        if not self._turns:
            time.sleep(seconds)
            return
        try:
            first = self._answered.get(timeout=seconds)
        except Empty:
            return
        self._answered.put(first)
        time.sleep(_GATHER_SECONDS)

    @property
    def is_busy(self) -> bool:
        """Tell whether anything is under way."""
        return bool(self._turns)

    def close(self) -> None:
        """End the threads that call."""
        self._pool.shutdown()

    def settle(self) -> None:
        """Write down what has been answered."""
        ended = list(_all_of(self._answered))
        try:
            waves.settle(ended)
        finally:
            for each in ended:
                self._queue.end(self._turns.pop(each.begun.email.pk), _LANES)

    def _begin(self, going_on: GoingOn) -> None:
        if not loop.may_begin(going_on):
            return
        parts = self._taken()
        try:
            begun = self._claimed(parts, going_on) if parts else []
        except BaseException:
            self._give_back(parts, set())
            raise
        self._give_back(parts, {each.email.pk for each in begun})
        for each in begun:
            self._offer(each)

    def _claimed(self, parts: list[Part], going_on: GoingOn) -> list[Begun]:
        permits = {pk: permit for pk, permit, _ in parts}
        bundles = claims.take_all(list(permits))
        return waves.begin([(bundle, permits[bundle.email.pk]) for bundle in bundles], going_on)

    def _taken(self) -> list[Part]:
        """Return emails to be claimed now, each with its permit; those that must wait for one stay where they are."""
        parts: list[Part] = []
        known = {*self._turns}
        while len(self._turns) + len(parts) < self._threads:
            part = self._next(is_first=not parts)
            if part is None:
                break
            parts.append(part)
            if part[0] in known:  # the queue begins anew with those that are not claimed yet
                self._give_back([parts.pop()], set())
                break
            known.add(part[0])
        return parts

    def _next(self, *, is_first: bool) -> Part | None:
        turn = self._queue.begin(_LANES)
        if turn is None:
            return None
        permit = governor.permit(BULK, governor.PATIENCE if is_first and not self._turns else 0.0)
        if permit and (is_first or permit.seconds() <= _LATEST):
            return turn.pk, permit, turn
        self._queue.end(turn, _LANES)
        self._queue.put_back(turn)
        if permit:
            permit.give_back()
            return None
        urgent = self._queue.urgent.take(BULK)
        return (urgent, Permit(stays=False), None) if urgent else None

    def _give_back(self, parts: list[Part], begun: set[UUID]) -> None:
        """Give back what the emails that have not begun have taken."""
        for pk, permit, turn in parts:
            permit.give_back()
            if pk in begun:
                self._turns[pk] = turn
            else:
                self._queue.end(turn, _LANES)

    def _offer(self, begun: Begun) -> None:
        def answered(future: "Future[Outcome]") -> None:
            self._answered.put(Ended(begun, future.result))

        self._pool.submit(_call, begun).add_done_callback(answered)


def threads(of: int) -> int:
    """Return how many calls a worker with so many threads makes for mailings: three for four others."""
    return max(1, of * 3 // 4)


def run(going_on: GoingOn, threads: int) -> None:
    """Send while it goes on; then finish what is under way."""
    sender = BulkSender(threads)
    while going_on():
        loop.guarded(lambda: sender.step(going_on), _FAILED)
        sender.wait()
    while sender.is_busy:
        loop.guarded(sender.settle, _FAILED)
        sender.wait()
    sender.close()
    connection.close()


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
