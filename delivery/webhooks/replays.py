"""Replays: what was told is told again, under the same id, whatever became of it the first time."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models.functions import Now

from delivery.models import WebhookEndpoint, WebhookMessage
from delivery.webhooks.endpoints import SwitchedOff

_AT_ONCE: Final = 1000  # rows of one transaction


def replay(endpoint: WebhookEndpoint, messages: Sequence[UUID]) -> int:
    """Have these messages of the endpoint posted from their first try on; return how many.

    Raises `SwitchedOff` if the endpoint is.
    """
    if not endpoint.enabled:
        raise SwitchedOff
    rows = WebhookMessage.objects.filter(endpoint=endpoint, pk__in=messages)
    return rows.update(outcome=WebhookMessage.Outcome.WAITING, due_at=Now(), tries=0, finished_at=None)


def replay_range(
    endpoint: WebhookEndpoint, since: datetime, until: datetime, events: Collection[str] = ()
) -> int:
    """Do the same for all that happened from `since` on and before `until`; no events: all."""
    rows = WebhookMessage.objects.filter(endpoint=endpoint, at__gte=since, at__lt=until).order_by("pk")
    rows = rows.filter(kind__in=events) if events else rows
    count, last = 0, None
    while some := list((rows.filter(pk__gt=last) if last else rows).values_list("pk", flat=True)[:_AT_ONCE]):
        count, last = count + replay(endpoint, some), some[-1]
    return count
