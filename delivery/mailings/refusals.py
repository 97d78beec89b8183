"""What providers have refused of a mailing: who refuses everything is unusable, not the people."""

from collections.abc import Collection

from django.db.models import QuerySet

from delivery.models import Attempt, Mailing, MailingRecipient

_State = MailingRecipient.State


def refusals() -> QuerySet[Attempt]:
    """Return the attempts that a provider has refused."""
    return Attempt.objects.order_by().filter(outcome=Attempt.Outcome.REFUSED)


def wait_again(mailing: Mailing, refusing: Collection[str]) -> None:
    """Let those wait again whose email was refused by these providers, and seen by no other."""
    rows = MailingRecipient.objects.order_by().filter(mailing=mailing, state=_State.FAILED)
    failed = list(rows.exclude(email=None).values_list("email", flat=True))
    seen = Attempt.objects.order_by().filter(email__in=failed)
    others = seen.exclude(provider__in=refusing, outcome=Attempt.Outcome.REFUSED)
    again = set(seen.values_list("email", flat=True)) - set(others.values_list("email", flat=True))
    rows.filter(email__in=again).update(state=_State.WAITING, reason="", email=None, at=None)
