"""The embedded delivery worker: hands over what is due, and settles what a stopped process left behind."""

import logging
import threading
from collections.abc import Callable, Sequence
from uuid import UUID

from django.db import close_old_connections, connection

from delivery import journal
from delivery.db.outages import AWAY
from delivery.files import storage
from delivery.monitoring import readiness
from delivery.queue import heartbeats
from delivery.queue.fairness import HIGH, NORMAL, FairQueue
from delivery.recovery import quarantine, rescue
from delivery.routing import circuits, configured
from delivery.sending import rounds

_IDLE_SECONDS = 0.5
_SETTLE_SECONDS = 5.0
_BATCH = 100
# The lanes of the threads, one after the other: a sign-in code never waits behind a newsletter, nor for ever the
# newsletter behind sign-in codes.
_LANES: tuple[tuple[str, ...], ...] = ((HIGH, NORMAL), (NORMAL, HIGH), (HIGH,), (HIGH, NORMAL))
log = logging.getLogger(__name__)


def run(stop: threading.Event, *, threads: int) -> None:
    """Work until told to stop; attempts in flight are finished first."""
    journal.begin()
    storage.remove_partial_files()
    queue, done = FairQueue(), threading.Event()
    working = [_start(_hand_over_on, stop, queue, _lanes(number, threads)) for number in range(threads)]
    heart = _start(_every, done, heartbeats.BEAT_SECONDS, lambda: heartbeats.beat(threads=threads))
    # What has been given to a suspect's own process is in flight like the rest; for vendors' answers nobody waits.
    working.append(_start(_every, stop, _SETTLE_SECONDS, _without_keeping(quarantine.try_some)))
    _start(_every, stop, _SETTLE_SECONDS, _without_keeping(readiness.check_due), daemon=True)
    _every(stop, _SETTLE_SECONDS, settle)
    for thread in working:
        thread.join()
    done.set()
    heart.join()
    _guarded(heartbeats.leave)
    journal.close()
    connection.close()


def settle() -> None:
    """Say what is known of emails whose process has gone, and give up those whose deadline has passed."""
    rescue.run()
    circuits.forget_senders()


def hand_over(stop: threading.Event, queue: FairQueue, lanes: Sequence[str] = (HIGH, NORMAL)) -> int:
    """Hand over what is due, one by one, and return how many emails were."""
    handed_over = 0
    for _ in range(_BATCH):
        if stop.is_set() or not circuits.anybody_may_be_used(configured.names()):
            break
        if not (pk := queue.take(lanes)):
            break
        handed_over += _dispatch(pk, stop)
    return handed_over


def _lanes(number: int, threads: int) -> tuple[str, ...]:
    """Return the lanes of a thread; a single one serves both."""
    return _LANES[number % len(_LANES)] if threads > 1 else (HIGH, NORMAL)


def _hand_over_on(stop: threading.Event, queue: FairQueue, lanes: Sequence[str]) -> None:
    while not stop.is_set():
        if not _guarded(lambda: hand_over(stop, queue, lanes)):
            stop.wait(_IDLE_SECONDS)
    connection.close()


def _every(stop: threading.Event, seconds: float, action: Callable[[], None]) -> None:
    while not stop.is_set():
        _guarded(action)
        stop.wait(seconds)
    connection.close()


def _without_keeping(action: Callable[[], None]) -> Callable[[], None]:
    """Give the database's connection back after an action that works now and then.

    The others keep theirs: where there are too few connections, recovery would lose its own to whoever comes next.
    """

    def act() -> None:
        try:
            action()
        finally:
            connection.close()

    return act


def _guarded(action: Callable[[], int | None]) -> int | None:
    """Do one thing. Whatever goes wrong with it must not end the worker, which would do nothing any more."""
    close_old_connections()
    try:
        return action()
    except AWAY:
        log.exception("The database cannot be used; the worker tries again")
    except Exception:
        log.exception("The worker met a defect and goes on")
    return None


def _dispatch(pk: UUID, stop: threading.Event) -> bool:
    try:
        return rounds.dispatch(pk, going_on=lambda: not stop.is_set()) is not None
    except AWAY:
        raise
    except Exception:  # a defect that shows with one email must not stop all the others
        log.exception("Email %s could not be handed over; its claim ends by itself", pk)
        return True


def _start(target: Callable[..., None], *arguments: object, daemon: bool = False) -> threading.Thread:
    thread = threading.Thread(target=target, args=arguments, daemon=daemon)
    thread.start()
    return thread
