"""What Celery workers do: they call what any worker calls, so that a lost or a doubled message changes nothing."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

from celery import shared_task, signals
from django.db import connection

from delivery import journal, process
from delivery.monitoring import readiness
from delivery.queue import broker, heartbeats, sweep
from delivery.queue.starvation import StarvedEmails
from delivery.recovery import quarantine
from delivery.workers import loop

_starved = StarvedEmails()
_done = threading.Event()  # the last email has been handed over


@shared_task(name=broker.HAND_OVER)
def hand_over(pk: str) -> None:
    """Hand over an email if it is due, and one of another owner who has been passed over meanwhile."""
    loop.guarded(
        lambda: _hand_over(UUID(pk)), f"Email {pk} could not be handed over; its claim ends by itself"
    )


@shared_task(name=broker.SWEEP)
def sweep_up() -> None:
    """Send messages for what is due and has none."""
    _alone(broker.SWEEP, sweep.notify, "The sweep could not send its messages; the next one tries again")


@shared_task(name=broker.CHECK_PROVIDERS)
def check_providers() -> None:
    """Ask the providers whose last answer is old."""
    _alone(broker.CHECK_PROVIDERS, readiness.check_due, "The providers could not be asked")


@shared_task(name=broker.TRY_SUSPECTS)
def try_suspects() -> None:
    """Try emails that may have ended the processes that had them."""
    _alone(broker.TRY_SUSPECTS, quarantine.try_some, "The suspects could not be tried")


@signals.worker_ready.connect
def begin(sender: Any, **_: Any) -> None:
    """Let the worker's heart beat until its last email has been handed over, and settle what others left behind.

    That asks no broker: while it is away, or its messages find nobody who lives long enough, orphans must not wait.
    """
    threads = sender.controller.concurrency
    sender.timer.call_repeatedly(
        1.0, lambda: None
    )  # wakes the loop, so that a signal is noticed when nothing comes
    threading.Thread(target=_beat_on, args=(threads,), name="heart", daemon=True).start()
    threading.Thread(target=_rescue_on, name="recovery", daemon=True).start()


@signals.worker_shutting_down.connect
def stop(**_: Any) -> None:
    """Begin no further attempt; those in flight are finished."""
    process.end()


@signals.worker_shutdown.connect
def leave(**_: Any) -> None:
    """Leave nothing behind."""
    _done.set()
    loop.guarded(heartbeats.leave, "The list of workers could not be told that this one ends")
    journal.close()
    connection.close()


def _hand_over(pk: UUID) -> None:
    """Hand over this one and a starved one; while no provider may be used both stay due, for a later sweep."""
    if not loop.may_begin(_goes_on):
        return
    email = loop.dispatch(pk, _goes_on)
    other = _starved.take(email.priority, but=email.owner_id) if email else None
    if other and loop.may_begin(_goes_on):
        loop.dispatch(other, _goes_on)


def _goes_on() -> bool:
    return not process.is_ending()


def _beat_on(threads: int) -> None:
    while not _done.is_set():
        loop.guarded(lambda: heartbeats.beat(threads=threads), "The worker could not say that it is there")
        connection.close()
        _done.wait(heartbeats.BEAT_SECONDS)


def _rescue_on() -> None:
    while not _done.is_set():
        loop.guarded(loop.clean_up, "What stopped processes left behind could not be rescued")
        _done.wait(loop.RESCUE_SECONDS)


def _alone(task: str, action: Callable[[], object], failed: str) -> None:
    """Do one task, unless another thread is doing it: what comes by the clock may take longer than its time."""
    lock = _under_way.setdefault(task, threading.Lock())
    if lock.acquire(blocking=False):
        try:
            loop.guarded(action, failed)
        finally:
            lock.release()


_under_way: dict[str, threading.Lock] = {}  # by the task's name
