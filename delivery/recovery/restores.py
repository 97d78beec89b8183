"""What is done when an older state of the database has come back: nothing goes out twice in silence (decision 0024)."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet

from delivery import bundles, journal
from delivery.audience import results
from delivery.content import addresses
from delivery.db import clock
from delivery.journal import Entry
from delivery.models import Attempt, Email, Recipient
from delivery.models.email import NOT_SENT_YET
from delivery.queue import watermark, watermark_notes
from delivery.sending import attempts, outcomes, replay, suppressed, transitions, unknown
from delivery.sending.outcomes import Outcome
from providers.message import Receipt

REASON: Final = "An older state of the database came back; it may have been sent since that state was saved."
_AT_ONCE = 200  # emails in one transaction
_Status, _Outcome = Email.Status, Attempt.Outcome
_OPEN = (*NOT_SENT_YET, _Status.SENDING)
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What `after_restore` has done, or would do."""

    until: datetime  # emails that were created up to then count as restored
    was_held: bool
    resend: int  # emails that are sent again, marked as possible duplicates
    stop: int  # emails that are not sent again by themselves
    settled: int  # emails of which the journal proved that a provider has them
    gone: list[Entry] = field(default_factory=list)  # attempts whose emails are not in this database
    listed_in: Path | None = None  # where they stand from now on


def place_lost() -> int:
    """Write down again what the journal knows of emails that are here; return how many were settled by that.

    An attempt that a provider accepted settles its email, if it was for the same recipients. Any other puts it in
    doubt: it may not have been the last.
    """
    name = watermark.current().name
    known = watermark_notes.kept(name)
    here = set(map(str, _here(known.values()).values_list("pk", flat=True)))
    placed = [entry for entry in known.values() if entry.email in here]
    settled = sum(_place(entry) for entry in placed)
    if placed:
        with watermark_notes.alone():
            watermark_notes.drop(name, [entry.attempt for entry in placed])
    return settled


def after_restore(*, taken_at: datetime | None = None) -> Report:
    """Put in doubt what may have been sent since an older state was saved, by each email's policy; then send again.

    `taken_at` says when that was, or a moment after it; what was created later counts as new, except for what is held.
    To do it twice changes nothing.
    """
    watermark.look()
    settled = place_lost()
    found = look(taken_at=taken_at)
    settled += _replay(found.until)
    resend = stop = 0
    while some := list(_suspects(found.until)[:_AT_ONCE]):
        given_up = sum(_doubt(email.pk) for email in some)
        stop, resend = stop + given_up, resend + len(some) - given_up
    listed_in = _begin_anew(found)
    return Report(
        until=found.until,
        was_held=found.was_held,
        resend=resend,
        stop=stop,
        settled=settled,
        gone=found.gone,
        listed_in=listed_in,
    )


def look(*, taken_at: datetime | None = None) -> Report:
    """Return what `after_restore` would do, and change nothing."""
    lineage = watermark.current()
    moments = [moment for moment in (taken_at, lineage.held_before) if moment]
    until = max(moments, default=clock.now())
    known = watermark_notes.kept(lineage.name) | {one.attempt: one for one in watermark.unseen(lineage)}
    here = set(map(str, _here(known.values()).values_list("pk", flat=True)))
    settled = {entry.email for entry in known.values() if entry.email in here and _is_accepted(entry)}
    doubtful = _suspects(until).exclude(pk__in=settled)
    stop = doubtful.filter(on_ambiguous=Email.OnAmbiguous.STOP).count()
    return Report(
        until=until,
        was_held=lineage.held_before is not None,
        resend=doubtful.count() - stop,
        stop=stop,
        settled=len(settled),
        gone=[entry for entry in known.values() if entry.email not in here],
    )


def _replay(until: datetime) -> int:
    """Believe the journal about attempts that had begun when that state was saved; return how many it settled."""
    in_doubt = Attempt.objects.filter(outcome__in=Attempt.IN_DOUBT, email__created_at__lte=until)
    known = journal.remembered() if in_doubt.exists() else {}
    told = [known[str(pk)] for pk in in_doubt.values_list("pk", flat=True) if str(pk) in known]
    for entry in told:
        replay.apply(entry)
    return sum(_is_accepted(entry) for entry in told)


def _begin_anew(found: Report) -> Path | None:
    """Let the held go on, and put the list of what is gone aside: a person has been told."""
    lineage = watermark.current()
    listed_in = None
    if found.gone:
        with watermark_notes.alone():
            by = f"{clock.now():%Y%m%dT%H%M%S}"
            listed_in = watermark_notes.archive(lineage.name, [entry.attempt for entry in found.gone], by=by)
    if found.was_held or found.gone or found.resend or found.stop:
        watermark.release(lineage)
        watermark.look()
    return listed_in


def _suspects(until: datetime) -> QuerySet[Email]:
    """Return what was due or under way since that state was saved, and is so now."""
    due = Q(status__in=NOT_SENT_YET, due_at__lte=clock.now())
    return Email.objects.filter(due | Q(status=_Status.SENDING), created_at__lte=until).order_by("pk")


def _doubt(pk: UUID) -> bool:
    """Put one email in doubt; tell whether it is not sent again by itself."""
    with transaction.atomic():
        email = Email.objects.select_for_update().get(pk=pk)
        started = Attempt.objects.filter(email=email, outcome=_Outcome.STARTED)
        started.update(outcome=_Outcome.UNKNOWN, detail=REASON)
        outcome = unknown.outcome(email, REASON)
        _move(email, _OPEN, outcome)
        _follow(email)
    return outcome.due_at is None


def _place(entry: Entry) -> bool:
    """Write an attempt down anew, and what follows from it for its email; tell whether that settled it."""
    with transaction.atomic():
        email = Email.objects.select_for_update().get(pk=entry.email)
        if Attempt.objects.filter(pk=entry.attempt).exists():
            return False
        attempt = _attempt(entry, email)
        attempts.put_back(attempt)
        settles = _is_accepted(entry) and _was_for_those_left(entry, email)
        moved = _move(email, (*_OPEN, _Status.UNKNOWN), _sent(entry)) if settles else False
        if not settles:
            _move(email, _OPEN, unknown.outcome(email, REASON))
        elif not moved and not unknown.is_certain(email, but=attempt):
            Email.objects.filter(pk=email.pk).update(possible_duplicate=True)
        _follow(email)
    log.warning("Attempt %s of email %s was written down again: %s", attempt.pk, email.pk, entry.outcome)
    return moved


def _move(email: Email, statuses: Iterable[str], outcome: Outcome) -> bool:
    """Move the email on from one of these statuses; whoever has claimed it has an older epoch then."""
    moved = transitions.move(email, Email.objects.filter(pk=email.pk, status__in=statuses), outcome)
    if moved:
        Email.objects.filter(pk=email.pk).update(epoch=F("epoch") + 1)
    return moved


def _follow(email: Email) -> None:
    """Tell the mailing that the email is of: in the older state it may have been over."""
    if email.mailing_id:
        results.follow([email.pk])


def _attempt(entry: Entry, email: Email) -> Attempt:
    """Return the row of an attempt as the journal knows it, under the epoch that its email has now."""
    ended = datetime.fromisoformat(entry.at) if entry.at else clock.now()
    return Attempt(
        pk=UUID(entry.attempt),
        email=email,
        provider=entry.provider,
        epoch=email.epoch,
        started_at=ended - timedelta(milliseconds=entry.latency_ms or 0),
        **{name: getattr(entry, name) for name in attempts.ANSWER},
    )


def _sent(entry: Entry) -> Outcome:
    return outcomes.sent(
        Receipt(provider=entry.provider, message_id=entry.provider_message_id, refused=entry.refused)
    )


def _is_accepted(entry: Entry) -> bool:
    return entry.outcome == _Outcome.ACCEPTED


def _was_for_those_left(entry: Entry, email: Email) -> bool:
    """Tell whether an attempt was for the recipients that are not suppressed, and mark those that were left out then.

    That state may be older than their being left out.
    """
    if entry.recipients == _fingerprint(email):
        return True
    try:
        suppressed.leave_out(bundles.load(email))
    except suppressed.AllSuppressed:
        return False
    return entry.recipients == _fingerprint(email)


def _fingerprint(email: Email) -> str:
    offered = Recipient.objects.filter(email=email).exclude(status=Recipient.Status.SUPPRESSED)
    return addresses.fingerprint(offered.values_list("canonical", flat=True))


def _here(entries: Iterable[Entry]) -> QuerySet[Email]:
    """Return the emails of these lines that are in this database."""
    return Email.objects.filter(pk__in={entry.email for entry in entries if watermark.is_id(entry.email)})
