"""How far a mailing has come, for people."""

from typing import Any

from django.db.models import Count, QuerySet

from delivery.models import Mailing, MailingRecipient

_State = MailingRecipient.State


def recipients(mailing: Mailing) -> QuerySet[MailingRecipient]:
    """Return its recipients; a draft has none, whatever an earlier check has written."""
    rows = MailingRecipient.objects.filter(mailing=mailing)
    return rows.none() if mailing.state == Mailing.State.DRAFT else rows


def counts(mailing: Mailing) -> dict[str, int]:
    """Return how many recipients are in each state; states that nobody is in are there, too."""
    found: Any = recipients(mailing).order_by().values_list("state").annotate(Count("pk"))
    return {**dict.fromkeys(_State.values, 0), **dict(found)}


def eta_seconds(mailing: Mailing, counted: dict[str, int]) -> int | None:
    """Return how long it will still take at its pace, or at its rate before it has one; None: nobody knows."""
    left = counted[_State.WAITING] + counted[_State.QUEUED]
    if mailing.state != Mailing.State.SENDING or not left:
        return None
    pace = mailing.pace or mailing.rate
    return round(left / pace) if pace else None
