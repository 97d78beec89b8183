"""What providers have refused of a mailing: who refuses everything is unusable, not the people."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import QuerySet

from delivery.models import Attempt, Mailing, MailingRecipient

_State = MailingRecipient.State


def refusals() -> QuerySet[Attempt]:
    """Return the attempts that a provider has refused."""
    return Attempt.objects.order_by().filter(outcome=Attempt.Outcome.REFUSED)


def wait_again(mailing: Mailing, refusing: Collection[str], begun_before: datetime | None = None) -> None:
    """Let those wait again whose email was refused by these providers, and seen by no other.

    `begun_before`: only where they were asked before that moment.
    """
    rows = MailingRecipient.objects.order_by().filter(mailing=mailing, state=_State.FAILED)
    failed = list(rows.exclude(email=None).values_list("email", flat=True))
    seen = Attempt.objects.order_by().filter(email__in=failed)
    refused = seen.filter(provider__in=refusing, outcome=Attempt.Outcome.REFUSED)
    refused = refused.filter(started_at__lt=begun_before) if begun_before else refused
    others = seen.exclude(pk__in=refused.values("pk"))
    again = set(seen.values_list("email", flat=True)) - set(others.values_list("email", flat=True))
    rows.filter(email__in=again).update(state=_State.WAITING, reason="", email=None, at=None)
