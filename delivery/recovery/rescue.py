"""Rescue of orphans, the emails of dead processes: by the journal's entries, and else by what the database implies."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from delivery import journal
from delivery.db import clock
from delivery.db.outages import AWAY
from delivery.journal import Entry
from delivery.models import Attempt, Email, Mailing, Recipient
from delivery.models.email import LEASE, NOT_SENT_YET
from delivery.queue import heartbeats
from delivery.sending import notices, outcomes, replay, scanning, transitions, unknown
from delivery.sending.outcomes import Outcome

INTERRUPTED = "The process ended between the call and the record of its outcome."
NOT_OFFERED = "The process ended before the email was offered to a provider."
_BATCH = 100
_CHUNK = 500  # entries looked up at once
_SECOND = timedelta(seconds=1)
log = logging.getLogger(__name__)


def run() -> None:
    """Replay abandoned journals, recover orphans, expire overdue emails; processes may do so concurrently."""
    inherit()
    # After a jump of the clock every lease looks over, or far away: living processes renew theirs meanwhile.
    orphans = [] if clock.has_jumped(within=LEASE) else list(Email.objects.orphaned()[:_BATCH])
    known = journal.known() if orphans else {}
    for email in orphans:
        with _isolated(f"Email {email.pk}"):
            recover(email, known)
    for email in Email.objects.overdue()[:_BATCH]:
        expire(email)


def inherit() -> None:
    """Replay the journals of this machine's dead processes, and end their claims at once.

    A file that cannot be replayed stays and does not block the others. Raises the errors of a database that is away.
    """
    gone: set[UUID] = set()
    for file in journal.abandoned():
        with _isolated(file.name):
            gone |= _inherit(file)
    # Claims end after all files are replayed: from then on a missing entry means an unknown outcome.
    for worker in gone:
        _end_claims(worker)
        heartbeats.bury(worker)


def recover(email: Email, known: Mapping[str, Entry]) -> None:
    """Settle an orphan: by the journal; else it is unknown if an attempt had begun, and due at once if not."""
    interrupted = Attempt.objects.filter(email=email, epoch=email.epoch, outcome=Attempt.Outcome.STARTED)
    told = [known[str(pk)] for pk in interrupted.values_list("pk", flat=True) if str(pk) in known]
    if told:
        replay.apply(told[-1])
        return
    with transaction.atomic():
        if not email.take_over():
            return
        transitions.move(email, email.still_mine(), transitions.judged(email, _concluded(email, interrupted)))


def _concluded(email: Email, interrupted: QuerySet[Attempt]) -> Outcome:
    """Return what an orphan has come to by the database alone, and close its attempt."""
    count = interrupted.update(outcome=Attempt.Outcome.UNKNOWN, detail=INTERRUPTED)
    if accepted := unknown.accepted_after_all(email):  # an event has told of it
        return outcomes.sent_late(accepted.provider, transitions.SETTLED_BY_EVENT)
    return unknown.outcome(email, INTERRUPTED) if count else outcomes.at_once(NOT_OFFERED)


def expire(email: Email) -> None:
    """Expire an email after its deadline; an unknown one stays unknown and is not sent again.

    One whose attachments were never scanned has failed: no provider has been asked.
    """
    overdue = Email.objects.overdue().filter(pk=email.pk)
    given_up: dict[str, Any] = {"due_at": None, "finished_at": clock.now()}
    with transaction.atomic():
        if scanning.is_awaited(email):
            transitions.move(email, overdue.filter(status__in=NOT_SENT_YET), outcomes.failed(email.reason))
        elif overdue.filter(status__in=NOT_SENT_YET).update(status=Email.Status.EXPIRED, **given_up):
            transitions.undecided(email).update(status=Recipient.Status.EXPIRED)
            notices.expired(email)
        else:
            overdue.filter(status=Email.Status.UNKNOWN).update(**given_up)


@contextmanager
def _isolated(name: str) -> Iterator[None]:
    """Log an unexpected exception with one item, so that it stops neither the others nor a starting process."""
    try:
        yield
    except AWAY:
        raise
    except Exception:
        log.exception("%s could not be rescued; it is tried again", name)


def _inherit(file: Path) -> set[UUID]:
    """Replay a journal file; return its process's id, or nothing while another process does so."""
    with journal.inherited(file) as left:
        if left is None:
            return set()
        for entry in _news(left.entries):
            _count_end(left.worker, entry)
            replay.apply(entry)
        return {left.worker}


def _news(entries: Sequence[Entry]) -> Iterator[Entry]:
    """Yield the entries that the database lacks; in a full file these are the last few of thousands."""
    for start in range(0, len(entries), _CHUNK):
        chunk = entries[start : start + _CHUNK]
        told = Attempt.objects.filter(pk__in=[entry.attempt for entry in chunk])
        known = set(told.exclude(outcome__in=Attempt.IN_DOUBT).values_list("pk", flat=True))
        yield from (entry for entry in chunk if UUID(entry.attempt) not in known)


def _count_end(worker: UUID, entry: Entry) -> None:
    """Count a crash against the email of this entry, if the dead process still had the email's claim."""
    had = Email.objects.filter(worker=worker, status=Email.Status.SENDING)
    had.filter(attempts__pk=entry.attempt, attempts__epoch=F("epoch")).update(crashes=F("crashes") + 1)


def _end_claims(worker: UUID) -> None:
    """End the claims of a process that is known to be dead now, instead of with their leases."""
    Email.objects.filter(worker=worker, status=Email.Status.SENDING).update(lease_until=Now() - _SECOND)
    Mailing.objects.filter(worker=worker).update(lease_until=None)
