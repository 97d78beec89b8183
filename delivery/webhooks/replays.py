"""Replays: what was told is told again, under the same id, whatever became of it the first time."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from delivery.access import audit
from delivery.models import WebhookEndpoint, WebhookMessage
from delivery.webhooks.endpoints import SwitchedOff

_AT_ONCE: Final = 1000  # rows of one transaction


def replay(endpoint: WebhookEndpoint, messages: Sequence[UUID]) -> int:
    """Have these messages of the endpoint posted from their first try on; return how many.

    Raises `SwitchedOff` if the endpoint is.
    """
    with transaction.atomic():
        count = _replay(endpoint, messages)
        if count:
            _record(endpoint, count, {"messages": list(messages)})
    return count


def replay_range(
    endpoint: WebhookEndpoint, since: datetime, until: datetime, events: Collection[str] = ()
) -> int:
    """Do the same for all that happened from `since` on and before `until`; no events: all."""
    rows = WebhookMessage.objects.filter(endpoint=endpoint, at__gte=since, at__lt=until).order_by("pk")
    rows = rows.filter(kind__in=events) if events else rows
    count, last, found = 0, None, rows.count()
    while some := list((rows.filter(pk__gt=last) if last else rows).values_list("pk", flat=True)[:_AT_ONCE]):
        with transaction.atomic():
            if last is None:  # with the first of them, so that none is replayed without an entry
                _record(endpoint, found, {"since": since, "until": until, "events": list(events)})
            count, last = count + _replay(endpoint, some), some[-1]
    return count


def _replay(endpoint: WebhookEndpoint, messages: Sequence[UUID]) -> int:
    if not endpoint.enabled:
        raise SwitchedOff
    rows = WebhookMessage.objects.filter(endpoint=endpoint, pk__in=messages)
    return rows.update(outcome=WebhookMessage.Outcome.WAITING, due_at=Now(), tries=0, finished_at=None)


def _record(endpoint: WebhookEndpoint, count: int, which: dict[str, Any]) -> None:
    after = {"count": count, **which}
    audit.record("webhook.replayed", "webhook", endpoint.pk, team=endpoint.team_id, after=after)
