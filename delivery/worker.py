"""The embedded delivery worker: hands over what is due, and settles what a stopped process left behind."""

import logging
import threading
import time
from collections.abc import Callable
from uuid import UUID

from django.db import OperationalError, close_old_connections, connection

from delivery import carriers, circuits, emails, readiness, storage
from delivery.models import Email

_IDLE_SECONDS = 1.0
_SETTLE_SECONDS = 5.0
_BATCH = 100
log = logging.getLogger(__name__)


def run(stop: threading.Event) -> None:
    """Work until told to stop; a round in flight is finished first."""
    storage.sweep()
    threading.Thread(target=_ask_providers, args=(stop,), daemon=True).start()
    settle_now_and_then = _Every(_SETTLE_SECONDS, settle)
    while not stop.is_set():
        close_old_connections()
        try:
            settle_now_and_then()
            worked = hand_over(stop, settle_now_and_then)
        except OperationalError:
            log.exception("The database cannot be used; the worker tries again")
            worked = 0
        if not worked:
            stop.wait(_IDLE_SECONDS)


def settle() -> None:
    """Say what is known of emails whose process has gone, and give up those whose deadline has passed."""
    for email in Email.objects.orphaned()[:_BATCH]:
        emails.recover(email)
    for email in Email.objects.overdue()[:_BATCH]:
        emails.expire(email)


def hand_over(stop: threading.Event, between: Callable[[], None]) -> int:
    """Hand over what is due and return how many emails were; `between` any two of them something else has its turn."""
    handed_over = 0
    for pk in list(Email.objects.due().values_list("pk", flat=True)[:_BATCH]):
        if stop.is_set() or not circuits.anybody_may_be_used(carriers.names()):
            break
        handed_over += _dispatch(pk)
        between()
    return handed_over


def _ask_providers(stop: threading.Event) -> None:
    """Ask the providers now and then whether they would carry mail; nobody waits for their answers, or for this."""
    while not stop.wait(_SETTLE_SECONDS):
        close_old_connections()
        try:
            readiness.check_due()
        except Exception:  # a provider that cannot be asked must not end the asking of the others for good
            log.exception("The providers could not be asked")
    connection.close()


class _Every:
    """Does something, however often it is asked, once in so many seconds."""

    def __init__(self, seconds: float, action: Callable[[], None]) -> None:
        self._seconds, self._action, self._due = seconds, action, 0.0

    def __call__(self) -> None:
        if time.monotonic() >= self._due:
            self._action()
            self._due = time.monotonic() + self._seconds


def _dispatch(pk: UUID) -> bool:
    try:
        return emails.dispatch(pk) is not None
    except OperationalError:
        raise
    except Exception:  # a defect that shows with one email must not stop all the others
        log.exception("Email %s could not be handed over; its claim ends by itself", pk)
        return True
