"""Accept an email, hand it over, and know afterwards what became of it."""

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from delivery import addresses, attempts, carriers, doubts, outcomes, parcels
from delivery.drafts import Draft
from delivery.gate import Gate
from delivery.models import Attempt, Email, Owner, Recipient
from delivery.outcomes import Outcome
from delivery.parcels import Parcel
from providers import errors, failover
from providers.base import Provider
from providers.message import Message

logger = logging.getLogger(__name__)
NOT_OFFERED = "The process ended before the email was offered to a provider."
BUDGET = 25.0  # seconds in which a round may begin attempts; each is bounded to 28 s
SETTLED_LATE = "Settled by the provider's answer, which came after the claim had ended."
INTERRUPTED = "The process ended between the call and the record of its outcome."


def send(draft: Draft, *, owner: Owner | None) -> Email:
    """Accept a draft and hand it over while the caller waits.

    Email and first attempt are durable in one transaction before the call, all that came of it in another one after
    it. Raises NobodyCanCarry before anything is stored.
    """
    parcel = parcels.claimed(draft, owner)
    email, message = parcel.email, parcel.message()
    able, email.left_out = carriers.choose(message)
    parcel.keep_files()
    gate = Gate(email, able)
    first = gate.next()
    if first is None:
        return _keep(parcel, _later(gate))
    with transaction.atomic():
        parcel.save()
        attempt = attempts.write(email, first)
    return _hand_over(parcel, message, _in_time(first, gate), attempts.Log(email, attempt, gate.learn))


def dispatch(pk: UUID) -> Email | None:
    """Hand over a due email, or return None when another process has it or it is not due."""
    email = Email.claim(pk)
    if email is None:
        return None
    parcel = parcels.load(email)
    message = parcel.message()
    try:
        able, email.left_out = carriers.choose(message)
    except carriers.NobodyCanCarry as nobody:
        return _requeue(
            email, outcomes.wait(str(nobody) or "No provider is configured.", rounds=email.rounds)
        )
    gate = Gate(email, doubts.asked_first(email, able))
    first = gate.next()
    if first is None:
        return _requeue(email, _later(gate))
    try:
        attempt = attempts.begin(email, first)
    except attempts.ClaimLost:
        return None
    return _hand_over(parcel, message, _in_time(first, gate), attempts.Log(email, attempt, gate.learn))


def recover(email: Email) -> None:
    """Say what is known of an email whose process stopped in the middle: unknown if an attempt had begun."""
    interrupted = Attempt.objects.filter(email=email, epoch=email.epoch, outcome=Attempt.Outcome.STARTED)
    with transaction.atomic():
        if not email.take_over():
            return
        count = interrupted.update(outcome=Attempt.Outcome.UNKNOWN, detail=INTERRUPTED)
        known = _doubt(email, INTERRUPTED) if count else outcomes.wait(NOT_OFFERED, rounds=email.rounds)
        _move(email, email.still_mine(), known)


def expire(email: Email) -> None:
    """Give up an email whose deadline has passed; one that may have been sent stays unknown."""
    overdue = Email.objects.overdue().filter(pk=email.pk)
    given_up: dict[str, Any] = {"due_at": None, "finished_at": timezone.now()}
    with transaction.atomic():
        if overdue.filter(status=Email.Status.QUEUED).update(status=Email.Status.EXPIRED, **given_up):
            _undecided(email).update(status=Recipient.Status.EXPIRED)
        else:
            overdue.filter(status=Email.Status.UNKNOWN).update(**given_up)


def _hand_over(parcel: Parcel, message: Message, candidates: Iterator[Provider], log: attempts.Log) -> Email:
    email = parcel.email
    try:
        outcome = _offer(email, message, candidates, log)
        attempts.insist(lambda: _record(email, outcome, log))
    except attempts.ClaimLost:
        attempts.insist(log.store)
        email.refresh_from_db()
    except (OperationalError, InterfaceError):
        # The email is durable, so nobody may be told to send it again: it stays `sending`, and is settled later.
        logger.exception("The outcome of email %s could not be written down", email.pk)
        return email
    log.tell()
    return email


def _keep(parcel: Parcel, outcome: Outcome) -> Email:
    """Write down an email that waits from the beginning."""
    _set(parcel.email, outcome)
    with transaction.atomic():
        parcel.save()
    return parcel.email


def _in_time(first: Provider, gate: Gate) -> Iterator[Provider]:
    """Yield the providers while a round may still begin an attempt; what is left waits for the next round."""
    started = time.monotonic()
    yield first
    while time.monotonic() - started <= BUDGET and (following := gate.next()):
        yield following


def _offer(email: Email, message: Message, candidates: Iterable[Provider], log: attempts.Log) -> Outcome:
    try:
        receipt = failover.send(message, candidates, log.attempt)
    except errors.NobodyAccepted as nobody:
        return outcomes.of_nobody(nobody, rounds=email.rounds)
    except errors.Refused as refusal:
        return outcomes.failed(refusal.detail)
    except errors.Unknown as doubt:
        return _doubt(email, doubt.detail)
    return outcomes.sent(receipt)


def _doubt(email: Email, reason: str) -> Outcome:
    return outcomes.unknown(reason, resend_at=doubts.resend_at(email))


def _later(gate: Gate) -> Outcome:
    """No provider may be used now: the email is kept until the first of them may."""
    return outcomes.wait(gate.reason, rounds=1, at_least=gate.seconds_to_wait())


def _requeue(email: Email, outcome: Outcome) -> Email:
    with transaction.atomic():
        _move(email, email.still_mine(), outcome)
    email.refresh_from_db()
    return email


def _record(email: Email, outcome: Outcome, log: attempts.Log) -> None:
    """Write down what the round came to, all of it in one transaction."""
    with transaction.atomic():
        moved = _move(email, email.still_mine(), outcome) or _settle_late(email, outcome)
        log.store()
    if moved:
        _set(email, _after_all(email, outcome))
    else:  # the lease was over, and somebody else has the email
        email.refresh_from_db()


def _move(email: Email, rows: QuerySet[Email], outcome: Outcome) -> bool:
    """Move the email and its recipients on, unless another process has claimed it since."""
    known = _after_all(email, outcome)
    moved = rows.update(**_changes(known), left_out=email.left_out)
    if moved:
        _move_recipients(_undecided(email), known)
    return bool(moved)


def _move_recipients(undecided: QuerySet[Recipient], outcome: Outcome) -> None:
    if outcome.recipients == Recipient.Status.PENDING:
        return
    for address, reason in outcome.rejected.items():
        mine = undecided.filter(canonical=addresses.canonical(address))
        mine.update(status=Recipient.Status.REJECTED, reason=reason)
    undecided.update(status=outcome.recipients)


def _after_all(email: Email, outcome: Outcome) -> Outcome:
    return outcomes.after_doubt(outcome) if email.possible_duplicate else outcome


def _settle_late(email: Email, outcome: Outcome) -> bool:
    """Settle an email that was given up as unknown while its attempt was still waiting for this very answer."""
    if outcome.status not in {Email.Status.SENT, Email.Status.PARTIAL, Email.Status.FAILED}:
        return False
    return _move(email, email.left_unknown(), replace(outcome, reason=outcome.reason or SETTLED_LATE))


def _set(email: Email, outcome: Outcome) -> None:
    for name, value in _changes(outcome).items():
        setattr(email, name, value)


def _changes(outcome: Outcome) -> dict[str, Any]:
    return {
        "status": outcome.status,
        "provider": outcome.provider,
        "reason": outcome.reason,
        "due_at": outcome.due_at,
        "lease_until": None,
        "finished_at": outcome.at if outcome.is_final else None,
    }


def _undecided(email: Email) -> QuerySet[Recipient]:
    undecided = (Recipient.Status.PENDING, Recipient.Status.UNKNOWN)
    return Recipient.objects.filter(email=email, status__in=undecided)
