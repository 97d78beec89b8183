"""Changes of an accepted email by its client: cancel, reschedule, resend."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from django.db import transaction

from delivery import bundles
from delivery.access import actor, audit
from delivery.content import addresses
from delivery.content.drafts import Draft
from delivery.db import clock
from delivery.files import storage
from delivery.models import ApiKey, Email, Recipient
from delivery.models.email import NOT_SENT_YET
from delivery.sending import transitions
from delivery.submission import emails, idempotency
from delivery.submission.emails import Again
from delivery.submission.idempotency import KeyUse
from providers.message import Mailbox

CANCELLED = "Cancelled by its sender."
REVOKED = "Cancelled when its API key was revoked."
_Status = Email.Status
_NOT_FINISHED = (*NOT_SENT_YET, _Status.SENDING)
RECEIVED = (_Status.SENT, _Status.PARTIAL, _Status.UNKNOWN)  # somebody has got it, or may have


class TooLate(Exception):
    """The email's status does not allow this change any more."""


class ContentGone(Exception):
    """The email's body or an attachment has been pruned, is missing or damaged."""


def cancel(email: Email) -> None:
    """Cancel a waiting email; an unknown one stays unknown and is not sent again. Raises TooLate."""
    now = clock.now()
    mine = Email.objects.filter(pk=email.pk)
    with transaction.atomic():
        cancelled = mine.filter(status__in=NOT_SENT_YET).update(
            status=_Status.CANCELLED, reason=CANCELLED, due_at=None, finished_at=now
        )
        if cancelled:
            transitions.undecided(email).update(status=Recipient.Status.CANCELLED)
        elif not mine.filter(status=_Status.UNKNOWN, due_at__isnull=False).update(
            due_at=None, finished_at=now
        ):
            raise TooLate
        audit.record(
            "email.cancelled", "email", email.pk, team=email.team_id, before={"status": email.status}
        )
    email.refresh_from_db()


def reschedule(email: Email, send_at: datetime) -> None:
    """Move a scheduled email to another time; its deadline moves by the same span. Raises TooLate."""
    due_at = max(send_at, clock.now())
    with transaction.atomic():
        moved = Email.objects.filter(pk=email.pk, status=_Status.SCHEDULED).update(
            expires_at=due_at + (email.expires_at - (email.due_at or email.created_at)), due_at=due_at
        )
        if not moved:
            raise TooLate
        before, after = {"send_at": email.due_at}, {"send_at": due_at}
        audit.record("email.rescheduled", "email", email.pk, team=email.team_id, before=before, after=after)
    email.refresh_from_db()


def resend(
    email: Email,
    *,
    to: tuple[Mailbox, ...] = (),
    key: ApiKey | None = None,
    key_use: KeyUse | None = None,
    in_transaction: Callable[[], None] = lambda: None,
) -> Email:
    """Send a finished email again, as a new email whose resend_of is the old one's id.

    `to`: other recipients in place of its own. A person's resend is in the audit, for no key names who did it.
    `in_transaction`: called in the transaction of the new email, which is not stored if it raises.
    Raises TooLate for an unfinished one, ContentGone if parts of it are not kept any more, or damaged.
    """
    if key_use and (known := idempotency.find(key_use)):  # whatever has become of the first one since
        return known
    if email.status in _NOT_FINISHED or (email.status == _Status.UNKNOWN and email.due_at):
        raise TooLate
    bundle = bundles.load(email)
    if not bundle.is_whole():
        raise ContentGone
    draft = replace(bundle.draft(), to=to, cc=(), bcc=()) if to else bundle.draft()
    try:
        with _on_record(email, draft) as taken:
            again = Again(of=email.pk, in_transaction=in_transaction)
            taken.append(emails.accept(draft, team=email.team, key=key, again=again, key_use=key_use))
        return taken[0]
    except (FileNotFoundError, storage.Damaged) as error:  # it was deleted by hand, or has just been pruned
        raise ContentGone from error


def may_arrive_twice(email: Email, to: tuple[Mailbox, ...] = ()) -> bool:
    """Tell whether somebody whom a resend goes to has got the email already, or may have."""
    if email.status not in RECEIVED:
        return False
    named = [addresses.canonical(box.address) for box in to]
    return not to or email.recipients.filter(canonical__in=named).exists()


@contextmanager
def _on_record(email: Email, draft: Draft) -> Iterator[list[Email]]:
    """Note the resend of a person in the transaction of the new email."""
    taken: list[Email] = []
    if actor.current().kind != "member":
        yield taken
        return
    with transaction.atomic():
        yield taken
        recipients = len(draft.to) + len(draft.cc) + len(draft.bcc)
        after = {"as": str(taken[0].pk), "recipients": recipients}
        audit.record("email.resent", "email", email.pk, team=email.team_id, after=after)
