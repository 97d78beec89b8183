"""The sweep: publishes messages for due emails that have none in the broker.

Either their time has come, or the broker never got their message or has lost it.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from delivery.models import Email
from delivery.queue import broker
from delivery.routing import circuits, configured

_JUST_NOW = timedelta(seconds=1)  # an email due since then is announced by the process that accepted it
_MOST = 5_000  # emails of a lane in one sweep
_CERTAINLY = 20  # longest-due emails that always get a message


def notify() -> int:
    """Publish a message for each due email that has none, longest due first; return how many were published."""
    if not circuits.any_may_be_used(configured.names()):
        return 0  # workers would look at all of them in vain
    with broker.connected() as connection:
        return sum(_notify(lane, connection) for lane in broker.LANES)


def _notify(lane: str, connection: Any) -> int:
    due = longest_waiting(lane)
    if not due:
        return 0
    missing = without_message(due, broker.waiting(lane, connection))
    broker.publish([(lane, str(pk)) for pk in missing], connection)
    return len(missing)


def longest_waiting(lane: str) -> list[UUID]:
    """Return the ids of a lane's emails that should have a message by now, longest due first."""
    due = Email.objects.due().innocent().filter(priority=lane, due_at__lte=Now() - _JUST_NOW)
    return list(due.values_list("pk", flat=True)[:_MOST])


def without_message(due: Sequence[UUID], messages: int) -> Sequence[UUID]:
    """Return the emails that need a message when this many messages are in the queue.

    A queue is first in, first out, so the missing messages are those of the longest-due emails. The first 20 get one
    in any case: in a queue that is never empty, a lost message would not be noticed.
    """
    return due[: max(len(due) - messages, _CERTAINLY)]
