"""The embedded delivery worker: hands over what is due, and settles what a stopped process left behind."""

import logging
import threading
from uuid import UUID

from django.db import OperationalError, close_old_connections

from delivery import emails
from delivery.models import Email

_IDLE_SECONDS = 1.0
_BATCH = 100
log = logging.getLogger(__name__)


def run(stop: threading.Event) -> None:
    """Work until told to stop; an attempt in flight is finished first."""
    while not stop.is_set():
        close_old_connections()
        try:
            worked = round_once(stop)
        except OperationalError:
            log.exception("The database cannot be used; the worker tries again")
            worked = 0
        if not worked:
            stop.wait(_IDLE_SECONDS)


def round_once(stop: threading.Event) -> int:
    """Settle orphans, expire what is overdue, hand over what is due; return how many emails were handed over."""
    for email in Email.objects.orphaned()[:_BATCH]:
        emails.recover(email)
    for email in Email.objects.overdue()[:_BATCH]:
        emails.expire(email)
    due = list(Email.objects.due().values_list("pk", flat=True)[:_BATCH])
    return sum(_dispatch(pk) for pk in due if not stop.is_set())


def _dispatch(pk: UUID) -> bool:
    try:
        return emails.dispatch(pk) is not None
    except OperationalError:
        raise
    except Exception:  # a defect that shows with one email must not stop all the others
        log.exception("Email %s could not be handed over; its claim ends by itself", pk)
        return True
