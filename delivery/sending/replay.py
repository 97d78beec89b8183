"""Replay of journal entries into the database: the process that got the answer has ended, or could not write it."""

import logging

from delivery.counting import counters
from delivery.journal import Entry
from delivery.models import Attempt, Email
from delivery.sending import attempts, outcomes, transitions, unknown
from delivery.sending.outcomes import Outcome
from providers.errors import CannotCarry
from providers.message import Receipt

log = logging.getLogger(__name__)
_Outcome = Attempt.Outcome


def apply(entry: Entry) -> None:
    """Store an attempt's outcome from the journal, unless the database has one.

    An attempt that the database does not know at all is left to recovery.restores.
    """
    last = Attempt.objects.select_related("email").filter(pk=entry.attempt).first()
    if last is not None and last.outcome in Attempt.IN_DOUBT and last.outcome != entry.outcome:
        _apply(entry, last)


def _apply(entry: Entry, last: Attempt) -> None:
    email = last.email
    email.epoch = last.epoch
    what = outcome(email, last.provider, entry)
    for name in attempts.ANSWER:
        setattr(last, name, getattr(entry, name))
    last.reason = entry.reason
    transitions.record(email, what, last)
    counters.settled("journal")
    log.info("Replayed from the journal: attempt %s of email %s was %s", last.pk, email.pk, last.outcome)


def outcome(email: Email, provider: str, entry: Entry) -> Outcome:
    """Return the outcome for the email; a refusal means another round, where its process would have gone on."""
    if entry.outcome == _Outcome.ACCEPTED:
        receipt = Receipt(provider=provider, message_id=entry.provider_message_id, refused=entry.refused)
        return outcomes.sent(receipt)
    if entry.outcome == _Outcome.REFUSED and entry.error != CannotCarry.kind:
        return outcomes.failed(_words(entry))
    if entry.outcome in Attempt.CERTAINLY_NOT:
        return outcomes.wait(_words(entry), rounds=email.rounds)
    return unknown.outcome(email, _words(entry))


def _words(entry: Entry) -> str:
    """Return what happened for a person; lines of earlier versions have the detail alone."""
    return entry.reason or entry.detail
