"""What a client may change about an email that is there already."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from delivery import bundles
from delivery.models import Email, Recipient
from delivery.models.email import NOT_SENT_YET
from delivery.submission import emails
from delivery.submission.idempotency import KeyUse

CANCELLED = "Cancelled by its sender."
_Status = Email.Status
_NOT_FINISHED = (*NOT_SENT_YET, _Status.SENDING)


class TooLate(Exception):
    """The email is not in a state in which this could be done."""


class ContentGone(Exception):
    """The email's body or an attachment is not kept any more."""


def cancel(email: Email) -> None:
    """Do not send the email (again): one that is waiting is cancelled, one in doubt stays so. Raises TooLate."""
    now = timezone.now()
    mine = Email.objects.filter(pk=email.pk)
    with transaction.atomic():
        cancelled = mine.filter(status__in=NOT_SENT_YET).update(
            status=_Status.CANCELLED, reason=CANCELLED, due_at=None, finished_at=now
        )
        if cancelled:
            Recipient.objects.filter(email=email).update(status=Recipient.Status.CANCELLED)
        elif not mine.filter(status=_Status.UNKNOWN, due_at__isnull=False).update(
            due_at=None, finished_at=now
        ):
            raise TooLate
    email.refresh_from_db()


def reschedule(email: Email, send_at: datetime) -> None:
    """Send a scheduled email at another time; it may be late by as much as before. Raises TooLate."""
    due_at = max(send_at, timezone.now())
    moved = Email.objects.filter(pk=email.pk, status=_Status.SCHEDULED).update(
        expires_at=due_at + (email.expires_at - (email.due_at or email.created_at)), due_at=due_at
    )
    if not moved:
        raise TooLate
    email.refresh_from_db()


def resend(email: Email, *, key_use: KeyUse | None = None) -> Email:
    """Send an email that is finished once more, as a new one that names the old.

    Raises TooLate for a running one, ContentGone for one that is not kept whole.
    """
    if email.status in _NOT_FINISHED or (email.status == _Status.UNKNOWN and email.due_at):
        raise TooLate
    bundle = bundles.load(email)
    if not bundle.is_whole():
        raise ContentGone
    try:
        return emails.accept(bundle.draft(), owner=email.owner, resend_of=email.pk, key_use=key_use)
    except FileNotFoundError as error:  # a file was deleted by hand, or a moment ago
        raise ContentGone from error
