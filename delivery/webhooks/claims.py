"""Claims of due messages: only the process with the claim posts one, until its lease ends.

The lease is in `due_at` itself: a claim moves it to the end of the lease, and a process that dies leaves a message
that is due then. A call that began is over long before, so nothing renews a lease.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Now

from delivery.db.compiled import Change, Parameters, UpdateReturning
from delivery.models import WebhookEndpoint, WebhookMessage

LEASE: Final = timedelta(seconds=30)  # twice the longest call


def endpoints() -> list[UUID]:
    """Return the endpoints that are on and have due messages; an index is asked once for each endpoint."""
    due = WebhookMessage.objects.filter(endpoint=OuterRef("pk"), due_at__lte=Now())
    listening = WebhookEndpoint.objects.filter(Exists(due), enabled=True, deleted_at=None)
    return list(listening.order_by("pk").values_list("pk", flat=True))


def take(room: Mapping[UUID, int]) -> list[WebhookMessage]:
    """Claim for this process up to so many due messages of each endpoint, longest due first."""
    wanted = [pk for endpoint, most in room.items() for pk in _longest_due(endpoint, most)]
    if not wanted:
        return []
    with transaction.atomic():
        claimed = _claimed.run(wanted)
    return _with_endpoints(claimed)


def _longest_due(endpoint: UUID, most: int) -> QuerySet[WebhookMessage, UUID]:
    due = WebhookMessage.objects.filter(endpoint=endpoint, due_at__lte=Now()).order_by("due_at")
    return due.values_list("pk", flat=True)[:most]


def _claim(pks: Parameters) -> Change:
    due = WebhookMessage.objects.filter(pk__in=pks, due_at__lte=Now()).order_by()
    free = due.select_for_update(skip_locked=True)
    changes = {"due_at": Now() + LEASE, "epoch": F("epoch") + 1}
    return WebhookMessage.objects.filter(pk__in=free.values("pk")), changes


def _with_endpoints(messages: Sequence[WebhookMessage]) -> list[WebhookMessage]:
    """Give each message its endpoint as it is now; those of one that was switched off meanwhile wait on."""
    on = WebhookEndpoint.objects.filter(enabled=True, deleted_at=None)
    found = on.in_bulk({message.endpoint_id for message in messages})
    taken = [message for message in messages if message.endpoint_id in found]
    for message in taken:
        message.endpoint = found[message.endpoint_id]
    return taken


_claimed = UpdateReturning[WebhookMessage]("pk", _claim)
