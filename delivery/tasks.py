"""What Celery workers do: they call what any worker calls, so that a lost or a doubled message changes nothing."""

import logging
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

from celery import shared_task, signals
from django.db import close_old_connections, connection

from delivery import journal, process, worker
from delivery.models import Email
from delivery.monitoring import readiness
from delivery.queue import broker, heartbeats, sweep
from delivery.queue.starvation import StarvedEmails
from delivery.recovery import quarantine
from delivery.routing import circuits, configured
from delivery.sending import rounds

log = logging.getLogger(__name__)
_starved = StarvedEmails()
_SETTLE_SECONDS = 5.0
_done = threading.Event()  # the last email has been handed over


@shared_task(name=broker.HAND_OVER)
def hand_over(pk: str) -> None:
    """Hand over an email if it is due, and one of another owner who has been passed over meanwhile."""
    _guarded(lambda: _hand_over(UUID(pk)), f"Email {pk} could not be handed over; its claim ends by itself")


@shared_task(name=broker.SWEEP)
def sweep_up() -> None:
    """Send messages for what is due and has none."""
    _alone(sweep.notify, "The sweep could not send its messages; the next one tries again")


@shared_task(name=broker.CHECK_PROVIDERS)
def check_providers() -> None:
    """Ask the providers whose last answer is old."""
    _alone(readiness.check_due, "The providers could not be asked")


@shared_task(name=broker.TRY_SUSPECTS)
def try_suspects() -> None:
    """Try emails that may have ended the processes that had them."""
    _alone(quarantine.try_some, "The suspects could not be tried")


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
    threading.Thread(target=_settle_on, name="recovery", daemon=True).start()


@signals.worker_shutting_down.connect
def stop(**_: Any) -> None:
    """Begin no further attempt; those in flight are finished."""
    process.end()


@signals.worker_shutdown.connect
def leave(**_: Any) -> None:
    """Leave nothing behind."""
    _done.set()
    _guarded(heartbeats.leave, "The list of workers could not be told that this one ends")
    journal.close()
    connection.close()


def _hand_over(pk: UUID) -> None:
    email = _dispatch(pk)
    other = _starved.take(email.priority, but=email.owner_id) if email else None
    if other:
        _dispatch(other)


def _dispatch(pk: UUID) -> Email | None:
    """Dispatch an email, unless nobody would take it: then it stays due, and a later sweep sends a message for it."""
    if process.is_ending() or not circuits.anybody_may_be_used(configured.names()):
        return None
    return rounds.dispatch(pk)


def _beat_on(threads: int) -> None:
    while not _done.is_set():
        _guarded(lambda: heartbeats.beat(threads=threads), "The worker could not say that it is there")
        connection.close()
        _done.wait(heartbeats.BEAT_SECONDS)


def _settle_on() -> None:
    while not _done.is_set():
        _guarded(worker.settle, "What stopped processes left behind could not be settled")
        _done.wait(_SETTLE_SECONDS)


def _alone(action: Callable[[], object], failed: str) -> None:
    """Do one thing, unless another thread is doing it: what comes by the clock may take longer than its time."""
    lock = _under_way.setdefault(failed, threading.Lock())
    if lock.acquire(blocking=False):
        try:
            _guarded(action, failed)
        finally:
            lock.release()


_under_way: dict[str, threading.Lock] = {}


def _guarded(action: Callable[[], object], failed: str) -> None:
    """Do one thing, and say what goes wrong with it: Celery could do no more about it."""
    close_old_connections()
    try:
        action()
    except Exception:
        log.exception(failed)
    finally:
        close_old_connections()
