"""Messages for emails that have none: their time has come, or the broker never had the message or has lost it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from delivery.models import Email
from delivery.queue import broker
from delivery.queue.fairness import LANES
from delivery.routing import circuits, configured

_JUST_NOW = timedelta(seconds=1)  # what became due since gets its message from whoever accepted it
_MOST = 5_000  # of a lane at a time
_CERTAINLY = 20  # the longest waiting, whatever the queue holds


def notify() -> int:
    """Send a message for what is due and has none, longest waiting first; return how many were sent."""
    if not circuits.any_may_be_used(configured.names()):
        return 0  # they would be looked at in vain, all of them
    with broker.connected() as connection:
        return sum(_notify(lane, connection) for lane in LANES)


def _notify(lane: str, connection: Any) -> int:
    due = longest_waiting(lane)
    if not due:
        return 0
    missing = without_message(due, broker.waiting(lane, connection))
    broker.publish([(lane, str(pk)) for pk in missing], connection)
    return len(missing)


def longest_waiting(lane: str) -> list[UUID]:
    """Return the emails of a lane that should have a message by now."""
    due = Email.objects.due().innocent().filter(priority=lane, due_at__lte=Now() - _JUST_NOW)
    return list(due.values_list("pk", flat=True)[:_MOST])


def without_message(due: Sequence[UUID], messages: int) -> Sequence[UUID]:
    """Return those that need a message while this many messages are in the queue.

    A queue is in order of arrival, so the messages that are missing are those of the emails that have waited longest.
    Some of these get one in any case: in a queue that is never empty a lost message would not be missed.
    """
    return due[: max(len(due) - messages, _CERTAINLY)]
