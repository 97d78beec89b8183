"""Checks of mailings: that somebody sends them, and that each of their emails belongs to one recipient."""

from datetime import timedelta
from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from delivery.doctor.findings import EXAMPLES, Finding, Tally, Words
from delivery.mailings import claims
from delivery.models import Email, Mailing, MailingRecipient

_LONG: Final = timedelta(minutes=5)


def mailings_go_on() -> Finding:
    """Check for mailings that some process should have, and none has had for five minutes."""
    words = Words(
        question="mailings",
        well="Mailings that are to be checked or sent are in the hands of a worker.",
        broken="Mailings that are to be checked, sent or ended, and that no worker has had for five minutes",
        todo="A worker takes them: start `manage.py worker` or Celery's workers; its log says what fails.",
    )
    long_ago = Now() - _LONG
    asked = Q(check_asked_at__lt=long_ago) | Q(check_asked_at=None)
    begun = Q(started_at__lt=long_ago) | Q(started_at=None)
    had = Q(lease_until=None) | Q(lease_until__lt=long_ago)
    return _about(claims.wanted().filter(asked, begun, had, ~Q(resumed_at__gte=long_ago)), words)


def emails_have_recipients() -> Finding:
    """Check for emails of mailings that belong to no recipient: somebody may have got two."""
    words = Words(
        question="mailing_emails",
        well="Every email of a mailing belongs to one of its recipients.",
        broken="Emails of mailings that belong to none of its recipients",
        todo="This should not happen. Look at their recipients: somebody may have got the mailing twice.",
    )
    own = MailingRecipient.objects.filter(email=OuterRef("pk"))
    known = Mailing.objects.filter(pk=OuterRef("mailing"))
    rows = Email.objects.order_by().filter(~Exists(own), Exists(known), mailing__isnull=False)
    return _about(rows.exclude(status=Email.Status.FAILED), words)  # of those a mailing makes another one


def _about(rows: QuerySet[Mailing] | QuerySet[Email], words: Words) -> Finding:
    tally = Tally()
    tally.count = rows.count()
    tally.examples = [str(pk) for pk in rows.values_list("pk", flat=True)[:EXAMPLES]]
    return tally.finding(words)
