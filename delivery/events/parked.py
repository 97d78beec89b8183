"""Parked events are applied once their attempt has come back: a restored database may have lost it for a while."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from delivery.events import matching, record
from delivery.events.matching import Told
from delivery.models import Attempt, ProviderEvent
from providers.events import Bounce, Event, Kind, Trouble

_AT_ONCE = 200  # events in one transaction
_State = ProviderEvent.State


def apply() -> int:
    """Apply the parked events of attempts that are known by now; return how many."""
    waiting = ProviderEvent.objects.filter(
        email=None, state=_State.PARKED, attempt__in=Attempt.objects.values("pk")
    )
    total = 0
    while some := list(waiting.order_by("pk").values_list("pk", flat=True)[:_AT_ONCE]):
        total += _apply(some)
    return total


def _apply(some: Sequence[UUID]) -> int:
    with transaction.atomic():
        rows = (
            ProviderEvent.objects.filter(pk__in=some, state=_State.PARKED).order_by("pk").select_for_update()
        )
        told = [Told(row=row, event=_event(row)) for row in rows]
        attempts = matching.attempts(told)
        for each in told:
            each.row.save(update_fields=["state", "email"])
        record.follow(told, attempts)
    return len(told)


def _event(row: ProviderEvent) -> Event:
    """Return what the row was made of, as far as anything follows from it."""
    return Event(
        kind=Kind(row.kind),
        name=row.name,
        at=row.at,
        attempt=str(row.attempt or ""),
        recipient=row.recipient,
        certain=row.certain or row.not_spam,  # as rows has made of it
        bounce=Bounce(row.bounce),
        bot=row.bot,
        not_spam=row.not_spam,
        list_name=row.list_name,
        trouble=Trouble(row.trouble),
        code=row.code,
        reason=row.reason,
    )
