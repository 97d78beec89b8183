"""What Celery workers do: they call what any worker calls, so that a lost or a doubled message changes nothing."""

import logging
import mmap
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

from celery import shared_task, signals
from django.db import close_old_connections

from delivery import broker, carriers, circuits, emails, readiness, sweep, worker
from delivery.models import Email
from delivery.passed_over import PassedOver

log = logging.getLogger(__name__)
_passed_over = PassedOver()
_sweeping = threading.Lock()
_stopping = mmap.mmap(
    -1, 1
)  # is set by the process that gets the signal, and read in those that it has forked


@signals.worker_shutting_down.connect
def stop(**_: Any) -> None:
    """Begin no further attempt; those in flight are finished."""
    _stopping[0] = 1


def going_on() -> bool:
    """Tell whether this worker begins attempts."""
    return not _stopping[0]


@shared_task(name=broker.HAND_OVER)
def hand_over(pk: str) -> None:
    """Hand over an email if it is due, and one of another owner who has been passed over meanwhile."""
    _guarded(lambda: _hand_over(UUID(pk)), f"Email {pk} could not be handed over; its claim ends by itself")


@shared_task(name="delivery.sweep")
def sweep_up() -> None:
    """Settle what stopped processes left behind, and announce what is due."""
    if not _sweeping.acquire(blocking=False):
        return
    try:
        _guarded(worker.settle, "What stopped processes left behind could not be settled")
        _guarded(sweep.announce, "What is due could not be announced; the next sweep tries again")
    finally:
        _sweeping.release()


@shared_task(name="delivery.check_providers")
def check_providers() -> None:
    """Ask the providers whose last answer is old."""
    _guarded(readiness.check_due, "The providers could not be asked")


def _hand_over(pk: UUID) -> None:
    email = _dispatch(pk)
    other = _passed_over.take(email.priority, but=email.owner_id) if email else None
    if other:
        _dispatch(other)


def _dispatch(pk: UUID) -> Email | None:
    """Dispatch an email, unless nobody would take it; it stays due, and the sweep announces it again."""
    if not going_on() or not circuits.anybody_may_be_used(carriers.names()):
        return None
    return emails.dispatch(pk, going_on=going_on)


def _guarded(action: Callable[[], object], failed: str) -> None:
    """Do one thing, and say what goes wrong with it: Celery could do no more about it."""
    close_old_connections()
    try:
        action()
    except Exception:
        log.exception(failed)
    finally:
        close_old_connections()
