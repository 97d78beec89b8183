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

from delivery import addresses, attempts, carriers, outcomes, parcels
from delivery.drafts import Draft
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
    message = parcel.message()
    candidates, parcel.email.left_out = carriers.choose(message)
    parcel.keep_files()
    with transaction.atomic():
        parcel.save()
        first = attempts.write(parcel.email, candidates[0])
    return _hand_over(parcel, message, candidates, first)


def dispatch(pk: UUID) -> Email | None:
    """Hand over a due email, or return None when another process has it or it is not due."""
    email = Email.claim(pk)
    if email is None:
        return None
    parcel = parcels.load(email)
    message = parcel.message()
    try:
        candidates, _ = carriers.choose(message)
        first = attempts.begin(email, candidates[0])
    except carriers.NobodyCanCarry as nobody:
        return _requeue_untried(email, nobody)
    except attempts.ClaimLost:
        return None
    return _hand_over(parcel, message, candidates, first)


def recover(email: Email) -> None:
    """Say what is known of an email whose process stopped in the middle: unknown if an attempt had begun."""
    interrupted = Attempt.objects.filter(email=email, epoch=email.epoch, outcome=Attempt.Outcome.STARTED)
    with transaction.atomic():
        if not email.take_over():
            return
        count = interrupted.update(outcome=Attempt.Outcome.UNKNOWN, detail=INTERRUPTED)
        known = outcomes.interrupted() if count else outcomes.wait(NOT_OFFERED, rounds=email.rounds)
        _move(email.still_mine(), known, _pending(email))


def expire(email: Email) -> None:
    """Give up an email whose deadline has passed."""
    with transaction.atomic():
        changed = (
            Email.objects.overdue()
            .filter(pk=email.pk)
            .update(status=Email.Status.EXPIRED, due_at=None, finished_at=timezone.now())
        )
        if changed:
            _pending(email).update(status=Recipient.Status.EXPIRED)


def _hand_over(parcel: Parcel, message: Message, candidates: list[Provider], first: Attempt) -> Email:
    log = attempts.Log(parcel.email, first)
    try:
        outcome = _offer(parcel.email, message, _in_time(candidates), log)
        attempts.insist(lambda: _record(parcel.email, outcome, log))
    except attempts.ClaimLost:
        attempts.insist(log.store)
        parcel.email.refresh_from_db()
    except (OperationalError, InterfaceError):
        # The email is durable, so nobody may be told to send it again: it stays `sending`, and is settled later.
        logger.exception("The outcome of email %s could not be written down", parcel.email.pk)
    return parcel.email


def _in_time(candidates: list[Provider]) -> Iterator[Provider]:
    """Yield the providers while a round may still begin an attempt; what is left waits for the next round."""
    started = time.monotonic()
    for provider in candidates:
        if time.monotonic() - started > BUDGET:
            return
        yield provider


def _offer(email: Email, message: Message, candidates: Iterable[Provider], log: attempts.Log) -> Outcome:
    try:
        receipt = failover.send(message, candidates, log.attempt)
    except errors.NobodyAccepted as nobody:
        return outcomes.of_nobody(nobody, rounds=email.rounds)
    except errors.Refused as refusal:
        return outcomes.failed(refusal.detail)
    except errors.Unknown as doubt:
        return outcomes.unknown(doubt.detail)
    return outcomes.sent(receipt)


def _requeue_untried(email: Email, nobody: carriers.NobodyCanCarry) -> Email:
    with transaction.atomic():
        later = outcomes.wait(str(nobody) or "No provider is configured.", rounds=email.rounds)
        _move(email.still_mine(), later, _pending(email))
    email.refresh_from_db()
    return email


def _record(email: Email, outcome: Outcome, log: attempts.Log) -> None:
    """Write down what the round came to, all of it in one transaction."""
    with transaction.atomic():
        moved = _move(email.still_mine(), outcome, _pending(email)) or _settle_late(email, outcome)
        log.store()
    if moved:
        _set(email, outcome)
    else:  # the lease was over, and somebody else has the email
        email.refresh_from_db()


def _move(rows: QuerySet[Email], outcome: Outcome, recipients: QuerySet[Recipient]) -> bool:
    """Move the email and its recipients on, unless another process has claimed it since."""
    moved = rows.update(**_changes(outcome))
    if moved and outcome.is_final:
        for address, reason in outcome.rejected.items():
            mine = recipients.filter(canonical=addresses.canonical(address))
            mine.update(status=Recipient.Status.REJECTED, reason=reason)
        recipients.update(status=outcome.recipients)
    return bool(moved)


def _settle_late(email: Email, outcome: Outcome) -> bool:
    """Settle an email that was given up as unknown while its attempt was still waiting for this very answer."""
    if outcome.status not in {Email.Status.SENT, Email.Status.PARTIAL, Email.Status.FAILED}:
        return False
    unknown = Recipient.objects.filter(email=email, status=Recipient.Status.UNKNOWN)
    late = replace(outcome, reason=outcome.reason or SETTLED_LATE)
    return _move(email.left_unknown(), late, unknown)


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


def _pending(email: Email) -> QuerySet[Recipient]:
    return Recipient.objects.filter(email=email, status=Recipient.Status.PENDING)
