"""The embedded delivery worker: threads that hand over emails, post webhooks, rescue orphans, and tell of troubles."""

import random
import threading
from collections.abc import Callable, Sequence

from django.db import connection

from delivery import journal
from delivery.events import polling
from delivery.files import storage
from delivery.monitoring import quotas
from delivery.queue import heartbeats
from delivery.queue.fairness import HIGH, LANES, NORMAL, FairQueue, Turn
from delivery.recovery import quarantine
from delivery.routing import governor
from delivery.routing.governor import Permit
from delivery.sending.rounds import GoingOn
from delivery.workers import bulk, loop, watching
from providers.wire import shortage

_IDLE_SECONDS = (0.05, 0.45)  # each thread at another moment: then some thread comes soon
_SHORT_SECONDS = (0.5, 4.0)  # after a shortage; all threads at once would bring the next one
_CHECK_SECONDS = 5.0
_BATCH = 100
# The lanes of each thread in order of preference: sign-in codes do not wait behind a newsletter, and a stream of
# sign-in codes cannot starve the newsletter. Mailings have threads of their own; see workers/bulk.
_LANES: tuple[tuple[str, ...], ...] = (
    (HIGH, NORMAL),
    (NORMAL, HIGH),
    (HIGH,),
    (HIGH, NORMAL),
)


def run(stop: threading.Event, *, threads: int) -> None:
    """Work until `stop` is set; attempts under way are finished first."""
    journal.begin()
    storage.remove_partial_files()
    loop.guarded(quotas.ask_first, "The providers could not be asked for their quotas")
    lanes = [_lanes(number, threads) for number in range(threads)]
    queue, done = FairQueue(lanes), threading.Event()
    working = [_start(_hand_over_on, stop, queue, each) for each in lanes]
    heart = _start(_every, done, heartbeats.BEAT_SECONDS, lambda: heartbeats.beat(threads=threads))
    working.append(_start(bulk.run, lambda: not stop.is_set(), bulk.threads(threads)))
    working.append(_start(loop.post_webhooks, lambda: not stop.is_set()))
    working.append(_start(loop.run_imports, lambda: not stop.is_set()))
    working.append(_start(loop.run_mailings, lambda: not stop.is_set()))
    working.append(_start(watching.run, lambda: not stop.is_set()))
    # A suspect in its child process is waited for like any other attempt; readiness checks are not.
    working.append(_start(_every, stop, _CHECK_SECONDS, _without_keeping(quarantine.try_some)))
    _start(_every, stop, _CHECK_SECONDS, _without_keeping(loop.ask_vendors), daemon=True)
    _start(loop.tell_metrics, lambda: not stop.is_set(), daemon=True)
    pollers = polling.pollers()
    for poller in pollers:  # waits for a queue for 20 s, which a shutdown does not
        _start(loop.read_events, poller, stop, daemon=True)
    _every(stop, loop.RESCUE_SECONDS, loop.clean_up)
    for thread in working:
        thread.join()
    for poller in pollers:
        poller.finish()
    done.set()
    heart.join()
    loop.guarded(heartbeats.leave, "The shutdown of this worker could not be recorded")
    journal.close()
    connection.close()


def hand_over(stop: threading.Event, queue: FairQueue, lanes: Sequence[str] = LANES) -> int:
    """Hand over up to 100 due emails one by one; return how many."""
    handed_over = 0
    for _ in range(_BATCH):
        if not loop.may_begin(lambda: not stop.is_set()):
            break
        with queue.taken(lanes) as turn:
            sent = _hand_over(turn, queue, lambda: not stop.is_set()) if turn else None
        if sent is None:
            break
        handed_over += sent
    return handed_over


def _hand_over(turn: Turn, queue: FairQueue, going_on: GoingOn) -> int | None:
    """Hand over an email, and return how many were; None: it waits for its provider's rate.

    Meanwhile one goes to the next provider that cannot wait.
    """
    if permit := governor.permit(turn.lane):
        return loop.dispatch(turn.pk, going_on, permit) is not None
    queue.put_back(turn)
    urgent = queue.urgent.take(turn.lane)
    return loop.dispatch(urgent, going_on, Permit(stays=False)) is not None if urgent else None


def _lanes(number: int, threads: int) -> tuple[str, ...]:
    """Return the lanes of a thread; a single thread serves both."""
    return _LANES[number % len(_LANES)] if threads > 1 else (HIGH, NORMAL)


def _hand_over_on(stop: threading.Event, queue: FairQueue, lanes: Sequence[str]) -> None:
    while not stop.is_set():
        if queue.rests(lanes):
            stop.wait(_a_while())
        elif not loop.guarded(lambda: hand_over(stop, queue, lanes), "Emails could not be handed over"):
            stop.wait(_pause())
    connection.close()


def _a_while() -> float:
    """Return how long an idle thread waits; all threads at the same moments would leave emails alone between them."""
    return random.uniform(*_IDLE_SECONDS)  # noqa: S311 - no secret


def _pause() -> float:
    """Return how long a thread without an email waits; after a shortage it keeps no connection meanwhile."""
    if not shortage.was_lately():
        return _a_while()
    connection.close()
    return random.uniform(*_SHORT_SECONDS)  # noqa: S311 - no secret


def _every(stop: threading.Event, seconds: float, action: Callable[[], None]) -> None:
    while not stop.is_set():
        loop.guarded(action, "A periodic job of the worker failed; the worker goes on")
        stop.wait(seconds)
    connection.close()


def _without_keeping(action: Callable[[], None]) -> Callable[[], None]:
    """Close the database connection after each run of a job that runs only now and then.

    The other threads keep theirs: if connections are scarce, the rescue would lose its own to other clients.
    """

    def act() -> None:
        try:
            action()
        finally:
            connection.close()

    return act


def _start(target: Callable[..., None], *arguments: object, daemon: bool = False) -> threading.Thread:
    thread = threading.Thread(target=target, args=arguments, daemon=daemon)
    thread.start()
    return thread
