"""Repairs that need no person's decision. Each checks again under a lock, and tells whether the email is repaired.

No repair marks an email as sent that no provider accepted, or as not sent that a provider may have accepted. See
docs/decisions/0014.
"""

from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from delivery import journal
from delivery.models import Attempt, Email, Recipient
from delivery.models.email import NOT_SENT_YET
from delivery.recovery import rescue
from delivery.sending import outcomes, replay, transitions, unknown

IN_DOUBT: Final = "An attempt may have sent it, but it was waiting as if none had."
_Status, _To, _Outcome = Email.Status, Recipient.Status, Attempt.Outcome
_SETTLED_BY_AN_ACCEPTANCE = (_Status.SCHEDULED, _Status.QUEUED, _Status.UNKNOWN, _Status.QUARANTINED)
_OF_ALL: Final = {  # the status of every recipient by the email's status
    _Status.SENT: _To.ACCEPTED,
    _Status.FAILED: _To.FAILED,
    _Status.EXPIRED: _To.EXPIRED,
    _Status.CANCELLED: _To.CANCELLED,
    _Status.UNKNOWN: _To.UNKNOWN,
}


def leave(pk: UUID) -> bool:
    """Repair nothing: only a person can decide."""
    return False


def close_attempts(pk: UUID) -> bool:
    """Close open attempts whose claim has ended: by the journal, or else as unknown."""
    known = journal.known()
    for attempt in map(str, _attempts(pk, _Outcome.STARTED)):
        if attempt in known:
            replay.apply(known[attempt])
    with transaction.atomic():
        email = _locked(pk)
        started = Attempt.objects.filter(email=email, outcome=_Outcome.STARTED)
        if email.status == _Status.SENDING:
            started = started.exclude(epoch=email.epoch)
        started.update(outcome=_Outcome.UNKNOWN, detail=rescue.INTERRUPTED)
    return True


def settle_as_sent(pk: UUID) -> bool:
    """Settle an email as sent by its accepted attempt, so that it is not offered again."""
    with transaction.atomic():
        email = _locked(pk)
        accepted = unknown.accepted_after_all(email)
        rows = Email.objects.filter(pk=pk, status__in=_SETTLED_BY_AN_ACCEPTANCE)
        return accepted is not None and transitions.move(
            email, rows, outcomes.sent_late(accepted.provider, transitions.SETTLED_LATE)
        )


def put_in_doubt(pk: UUID) -> bool:
    """Make a waiting email that may have been sent unknown; its policy decides whether it is sent again."""
    with transaction.atomic():
        email = _locked(pk)
        waiting = Email.objects.filter(pk=pk, status__in=NOT_SENT_YET)
        in_doubt = Attempt.objects.filter(email=email, outcome=_Outcome.UNKNOWN).exists()
        return in_doubt and transitions.move(email, waiting, unknown.outcome(email, IN_DOUBT))


def mark_duplicate(pk: UUID) -> bool:
    """Mark an email as a possible duplicate."""
    return bool(Email.objects.filter(pk=pk).update(possible_duplicate=True))


def make_due(pk: UUID) -> bool:
    """Make a queued email without a due time due now; the time of a scheduled one is not known."""
    return bool(Email.objects.filter(pk=pk, status=_Status.QUEUED, due_at=None).update(due_at=Now()))


def settle_recipients(pk: UUID) -> bool:
    """Set the status of open recipients by their email's; contradictions stay."""
    with transaction.atomic():
        email = _locked(pk)
        state = _state_of_all(email)
        if state:
            transitions.undecided(email).update(status=state)
        return (
            state is not None
            and not Recipient.objects.filter(email=email).exclude(status__in=(state, _To.SUPPRESSED)).exists()
        )


def _state_of_all(email: Email) -> str | None:
    if email.status == _Status.SENT and not unknown.accepted_after_all(email):
        return None
    if email.status == _Status.QUARANTINED:
        return _To.UNKNOWN if _attempts(email.pk, _Outcome.UNKNOWN) else _To.FAILED
    return _OF_ALL.get(_Status(email.status))


def _attempts(pk: UUID, outcome: str) -> list[UUID]:
    return list(Attempt.objects.filter(email=pk, outcome=outcome).values_list("pk", flat=True))


def _locked(pk: UUID) -> Email:
    """Return the email, its row locked until the transaction ends."""
    return Email.objects.select_for_update().get(pk=pk)
