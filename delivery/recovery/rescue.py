"""What is done about emails whose process has gone: what the journal knows, and else what can be concluded."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from delivery import journal
from delivery.db.outages import AWAY
from delivery.journal import Entry
from delivery.models import Attempt, Email, Recipient
from delivery.models.email import NOT_SENT_YET
from delivery.queue import heartbeats
from delivery.sending import outcomes, replay, transitions, unknown

INTERRUPTED = "The process ended between the call and the record of its outcome."
NOT_OFFERED = "The process ended before the email was offered to a provider."
_BATCH = 100
_CHUNK = 500  # entries looked up at once
_SECOND = timedelta(seconds=1)
log = logging.getLogger(__name__)


def run() -> None:
    """Do all of it: inherit, recover, and give up what is overdue. Any number of processes may do so at once."""
    inherit()
    orphans = list(Email.objects.orphaned()[:_BATCH])
    known = journal.known() if orphans else {}
    for email in orphans:
        with _for_itself(f"Email {email.pk}"):
            recover(email, known)
    for email in Email.objects.overdue()[:_BATCH]:
        expire(email)


def inherit() -> None:
    """Write down what processes of this machine knew that have gone, and end their claims at once.

    A file with which that fails stays, and stands in nobody's way; a database that is away is everybody's trouble.
    """
    gone: set[UUID] = set()
    for file in journal.abandoned():
        with _for_itself(file.name):
            gone |= _inherit(file)
    for (
        worker
    ) in gone:  # after all its files: who ends its claims may conclude from what does not stand there
        _end_claims(worker)
        heartbeats.bury(worker)


def recover(email: Email, known: Mapping[str, Entry]) -> None:
    """Say what is known of an email whose process stopped in the middle: unknown if an attempt had begun."""
    interrupted = Attempt.objects.filter(email=email, epoch=email.epoch, outcome=Attempt.Outcome.STARTED)
    told = [known[str(pk)] for pk in interrupted.values_list("pk", flat=True) if str(pk) in known]
    if told:
        replay.apply(told[-1])
        return
    with transaction.atomic():
        if not email.take_over():
            return
        count = interrupted.update(outcome=Attempt.Outcome.UNKNOWN, detail=INTERRUPTED)
        outcome = unknown.outcome(email, INTERRUPTED) if count else outcomes.at_once(NOT_OFFERED)
        transitions.move(email, email.still_mine(), transitions.judged(email, outcome))


def expire(email: Email) -> None:
    """Give up an email whose deadline has passed; one that may have been sent stays unknown."""
    overdue = Email.objects.overdue().filter(pk=email.pk)
    given_up: dict[str, Any] = {"due_at": None, "finished_at": timezone.now()}
    with transaction.atomic():
        if overdue.filter(status__in=NOT_SENT_YET).update(status=Email.Status.EXPIRED, **given_up):
            transitions.undecided(email).update(status=Recipient.Status.EXPIRED)
        else:
            overdue.filter(status=Email.Status.UNKNOWN).update(**given_up)


@contextmanager
def _for_itself(name: str) -> Iterator[None]:
    """Keep a defect that shows with one of many from stopping all the others, and the process that starts."""
    try:
        yield
    except AWAY:
        raise
    except Exception:
        log.exception("%s could not be seen to; it is tried again", name)


def _inherit(file: Path) -> set[UUID]:
    """Write down what stands in the file; return whose it was, if nobody else does so."""
    with journal.inherited(file) as left:
        if left is None:
            return set()
        for entry in _news(left.entries):
            _count_end(left.worker, entry)
            replay.apply(entry)
        return {left.worker}


def _news(entries: Sequence[Entry]) -> Iterator[Entry]:
    """Yield what the database does not know; of a full file that is the last few of thousands."""
    for start in range(0, len(entries), _CHUNK):
        chunk = entries[start : start + _CHUNK]
        told = Attempt.objects.filter(pk__in=[entry.attempt for entry in chunk])
        known = set(told.exclude(outcome__in=Attempt.IN_DOUBT).values_list("pk", flat=True))
        yield from (entry for entry in chunk if UUID(entry.attempt) not in known)


def _count_end(worker: UUID, entry: Entry) -> None:
    """Count that a process ended while it had this email; whose answer it left behind has done so as well."""
    had = Email.objects.filter(worker=worker, status=Email.Status.SENDING)
    had.filter(attempts__pk=entry.attempt, attempts__epoch=F("epoch")).update(crashes=F("crashes") + 1)


def _end_claims(worker: UUID) -> None:
    """Let the claims of a process that is known to have gone end now instead of with their leases."""
    Email.objects.filter(worker=worker, status=Email.Status.SENDING).update(lease_until=Now() - _SECOND)
