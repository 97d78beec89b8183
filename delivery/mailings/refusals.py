"""What providers have refused of a mailing: who refuses everything is unusable, not the people."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import QuerySet

from delivery.models import Attempt, Email, Mailing, MailingRecipient
from providers.errors import RecipientsRefused

_State = MailingRecipient.State
_NOT_SENT = (Email.Status.FAILED, Email.Status.EXPIRED, Email.Status.CANCELLED)


def refusals() -> QuerySet[Attempt]:
    """Return the attempts that a provider has refused; an address that is no good says nothing about it."""
    refused = Attempt.objects.order_by().filter(outcome=Attempt.Outcome.REFUSED)
    return refused.exclude(error=RecipientsRefused.kind)


def wait_again(mailing: Mailing, refusing: Collection[str], begun_before: datetime | None = None) -> None:
    """Let those wait again whose email was refused by these providers, and seen by no other, nor sent again by hand.

    `begun_before`: only where they were asked before that moment.
    """
    rows = MailingRecipient.objects.order_by().filter(mailing=mailing, state=_State.FAILED)
    failed = rows.exclude(email=None).values("email")
    seen = Attempt.objects.order_by().filter(email__in=failed)
    refused = refusals().filter(email__in=failed, provider__in=refusing)
    refused = refused.filter(started_at__lt=begun_before) if begun_before else refused
    others = seen.exclude(pk__in=refused.values("pk"))
    sent_again = Email.objects.order_by().filter(resend_of__in=failed).exclude(status__in=_NOT_SENT)
    again = rows.filter(email__in=seen.values("email")).exclude(email__in=others.values("email"))
    again = again.exclude(email__in=sent_again.values("resend_of"))
    again.update(state=_State.WAITING, reason="", email=None, at=None)
