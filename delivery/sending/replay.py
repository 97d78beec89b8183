"""What the journal knows of an attempt, written down: the process that got the answer has gone, or could not say it."""

import logging

from delivery.journal import Entry
from delivery.models import Attempt, Email
from delivery.sending import attempts, outcomes, transitions, unknown
from delivery.sending.outcomes import Outcome
from providers.errors import CannotCarry
from providers.message import Receipt

log = logging.getLogger(__name__)
_Outcome = Attempt.Outcome


def apply(entry: Entry) -> None:
    """Write down what a process knew of an attempt, unless the database knows as much."""
    last = Attempt.objects.select_related("email").filter(pk=entry.attempt).first()
    if last is None:
        log.warning("The journal tells of attempt %s, which is not in this database", entry.attempt)
    elif last.outcome in Attempt.IN_DOUBT and last.outcome != entry.outcome:
        _apply(entry, last)


def _apply(entry: Entry, last: Attempt) -> None:
    email = last.email
    email.epoch = last.epoch
    outcome = _outcome(email, last.provider, entry)
    for name in attempts.ANSWER:
        setattr(last, name, getattr(entry, name))
    transitions.record(email, outcome, last)
    log.info("The journal knew that attempt %s of email %s was %s", last.pk, email.pk, last.outcome)


def _outcome(email: Email, provider: str, entry: Entry) -> Outcome:
    """Return what an attempt's answer means for its email; the process that got it would have gone on from there."""
    if entry.outcome == _Outcome.ACCEPTED:
        receipt = Receipt(provider=provider, message_id=entry.provider_message_id, refused=entry.refused)
        return outcomes.sent(receipt)
    if entry.outcome == _Outcome.REFUSED and entry.error != CannotCarry.kind:
        return outcomes.failed(entry.detail)
    if entry.outcome in Attempt.CERTAINLY_NOT:
        return outcomes.wait(entry.detail, rounds=email.rounds)
    return unknown.outcome(email, entry.detail)
