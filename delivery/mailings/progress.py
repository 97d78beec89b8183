"""How far a mailing has come, for people."""

from typing import Any

from django.db.models import Count, QuerySet

from delivery.models import Mailing, MailingRecipient, Membership

_State = MailingRecipient.State


def recipients(mailing: Mailing) -> QuerySet[MailingRecipient]:
    """Return its recipients; a draft has none, whatever an earlier check has written."""
    rows = MailingRecipient.objects.filter(mailing=mailing)
    return rows.none() if mailing.state == Mailing.State.DRAFT else rows


def checking(mailing: Mailing) -> dict[str, int] | None:
    """Return how far a check is, of twice the members of the group: two walks; None: none waits or runs."""
    if mailing.check_asked_at is None:
        return None
    if "recipients" in mailing.check_result:
        number = MailingRecipient.objects.filter(mailing=mailing).count()
        return {"processed": number + mailing.check_result["recipients"], "total": 2 * number}
    members = Membership.objects.filter(group=mailing.group_id).order_by()
    total = members.count()
    return {"processed": members.filter(pk__lte=mailing.position).count(), "total": 2 * total}


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
