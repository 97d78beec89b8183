"""What is done about emails whose process has gone: what the journal knows, and else what can be concluded."""

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from delivery import attempts, doubts, journal, outcomes, records, workers
from delivery.journal import Entry
from delivery.models import Attempt, Email, Recipient
from delivery.models.email import NOT_SENT_YET
from delivery.outcomes import Outcome
from providers.errors import CannotCarry
from providers.message import Receipt

INTERRUPTED = "The process ended between the call and the record of its outcome."
NOT_OFFERED = "The process ended before the email was offered to a provider."
_BATCH = 100
_Outcome = Attempt.Outcome
_NOT_KNOWN = (_Outcome.STARTED, _Outcome.UNKNOWN)
_SECOND = timedelta(seconds=1)
log = logging.getLogger(__name__)


def settle() -> None:
    """Do all of it: inherit, recover, and give up what is overdue. Any number of processes may do so at once."""
    inherit()
    orphans = list(Email.objects.orphaned()[:_BATCH])
    known = journal.known() if orphans else {}
    for email in orphans:
        recover(email, known)
    for email in Email.objects.overdue()[:_BATCH]:
        expire(email)


def inherit() -> None:
    """Write down what processes of this machine knew that have gone, and end their claims at once."""
    for file in journal.abandoned():
        with journal.inherited(file) as left:
            if left:
                for entry in left.entries:
                    apply(entry)
                _end_claims(left.worker)
                workers.bury(left.worker)


def apply(entry: Entry) -> None:
    """Write down what a process knew of an attempt, unless the database knows as much."""
    last = Attempt.objects.select_related("email").filter(pk=entry.attempt).first()
    if last is None:
        log.warning("The journal tells of attempt %s, which is not in this database", entry.attempt)
    elif last.outcome in _NOT_KNOWN and last.outcome != entry.outcome:
        _apply(entry, last)


def recover(email: Email, known: Mapping[str, Entry]) -> None:
    """Say what is known of an email whose process stopped in the middle: unknown if an attempt had begun."""
    interrupted = Attempt.objects.filter(email=email, epoch=email.epoch, outcome=_Outcome.STARTED)
    told = [known[str(pk)] for pk in interrupted.values_list("pk", flat=True) if str(pk) in known]
    if told:
        apply(told[-1])
        return
    with transaction.atomic():
        if not email.take_over():
            return
        count = interrupted.update(outcome=_Outcome.UNKNOWN, detail=INTERRUPTED)
        outcome = doubts.outcome(email, INTERRUPTED) if count else outcomes.at_once(NOT_OFFERED)
        records.move(email, email.still_mine(), records.judged(email, outcome))


def expire(email: Email) -> None:
    """Give up an email whose deadline has passed; one that may have been sent stays unknown."""
    overdue = Email.objects.overdue().filter(pk=email.pk)
    given_up: dict[str, Any] = {"due_at": None, "finished_at": timezone.now()}
    with transaction.atomic():
        if overdue.filter(status__in=NOT_SENT_YET).update(status=Email.Status.EXPIRED, **given_up):
            records.undecided(email).update(status=Recipient.Status.EXPIRED)
        else:
            overdue.filter(status=Email.Status.UNKNOWN).update(**given_up)


def _apply(entry: Entry, last: Attempt) -> None:
    email = last.email
    email.epoch = last.epoch
    outcome = _outcome(email, last.provider, entry)
    for name in attempts.ANSWER:
        setattr(last, name, getattr(entry, name))
    records.record(email, outcome, last)
    log.info("The journal knew that attempt %s of email %s was %s", last.pk, email.pk, last.outcome)


def _end_claims(worker: UUID) -> None:
    """Let the claims of a process that is known to have gone end now instead of with their leases."""
    Email.objects.filter(worker=worker, status=Email.Status.SENDING).update(lease_until=Now() - _SECOND)


def _outcome(email: Email, provider: str, entry: Entry) -> Outcome:
    """Return what an attempt's answer means for its email; the process that got it would have gone on from there."""
    if entry.outcome == _Outcome.ACCEPTED:
        receipt = Receipt(provider=provider, message_id=entry.provider_message_id, refused=entry.refused)
        return outcomes.sent(receipt)
    if entry.outcome == _Outcome.REFUSED and entry.error != CannotCarry.kind:
        return outcomes.failed(entry.detail)
    if entry.outcome == _Outcome.UNKNOWN:
        return doubts.outcome(email, entry.detail)
    return outcomes.wait(entry.detail, rounds=email.rounds)
