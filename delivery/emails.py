"""Accept an email, hand it over, and know afterwards what became of it."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from delivery import attempts, carriers, parcels
from delivery.drafts import Draft
from delivery.models import Attempt, Email, Owner, Recipient
from delivery.parcels import Parcel
from providers import errors, failover
from providers.base import Provider
from providers.message import Message

_FIRST_WAIT, _WAIT_FACTOR, _LONGEST_WAIT = 5.0, 3, 1800.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one round came to."""

    status: Email.Status
    recipients: Recipient.Status
    provider: str = ""
    reason: str = ""
    due_at: datetime | None = None


def send(draft: Draft, *, owner: Owner | None) -> Email:
    """Accept a draft and hand it over while the caller waits.

    Email and first attempt are durable in one transaction before the call, all that came of it in another one after
    it. Raises NobodyCanCarry before anything is stored.
    """
    parcel = parcels.claimed(draft, owner)
    message = parcel.message()
    candidates, parcel.email.left_out = carriers.choose(message)
    with transaction.atomic():
        parcel.save()
        first = attempts.begin(parcel.email, candidates[0])
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
    except carriers.NobodyCanCarry as nobody:
        return _requeue_untried(email, nobody)
    return _hand_over(parcel, message, candidates, attempts.begin(email, candidates[0]))


def recover(email: Email) -> None:
    """Say what is known of an email whose process stopped in the middle: unknown if an attempt had begun."""
    interrupted = Attempt.objects.filter(email=email, epoch=email.epoch, outcome=Attempt.Outcome.STARTED)
    with transaction.atomic():
        count = interrupted.update(
            outcome=Attempt.Outcome.UNKNOWN,
            detail="The process ended between the call and the record of its outcome.",
        )
        _record(
            email,
            _interrupted() if count else _wait(email, "The process ended before the email was offered."),
        )


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
    outcome = _offer(parcel.email, message, candidates, log)
    with transaction.atomic():
        log.store()
        _record(parcel.email, outcome)
    return parcel.email


def _offer(email: Email, message: Message, candidates: list[Provider], log: attempts.Log) -> Outcome:
    try:
        receipt = failover.send(message, candidates, log.attempt)
    except errors.Refused as refusal:
        return Outcome(status=Email.Status.FAILED, recipients=Recipient.Status.FAILED, reason=refusal.detail)
    except errors.Unknown as doubt:
        return Outcome(status=Email.Status.UNKNOWN, recipients=Recipient.Status.UNKNOWN, reason=doubt.detail)
    except errors.NobodyAccepted as nobody:
        return _nobody(email, nobody)
    return Outcome(status=Email.Status.SENT, recipients=Recipient.Status.ACCEPTED, provider=receipt.provider)


def _nobody(email: Email, nobody: errors.NobodyAccepted) -> Outcome:
    if all(isinstance(failure, errors.CannotCarry) for failure in nobody.failures):
        return Outcome(status=Email.Status.FAILED, recipients=Recipient.Status.FAILED, reason=str(nobody))
    retry_after = min((failure.retry_after or 0.0 for failure in nobody.failures), default=0.0)
    return _wait(email, str(nobody), at_least=retry_after)


def _wait(email: Email, reason: str, *, at_least: float = 0.0) -> Outcome:
    seconds = max(_backoff(email.rounds), at_least)
    return Outcome(
        status=Email.Status.QUEUED,
        recipients=Recipient.Status.PENDING,
        reason=reason,
        due_at=timezone.now() + timedelta(seconds=seconds),
    )


def _backoff(rounds: int) -> float:
    """Return the seconds before the next round: full jitter, so that a recovered provider is not stormed."""
    return random.uniform(0, min(_LONGEST_WAIT, _FIRST_WAIT * _WAIT_FACTOR ** min(rounds - 1, 10)))  # noqa: S311


def _interrupted() -> Outcome:
    return Outcome(
        status=Email.Status.UNKNOWN,
        recipients=Recipient.Status.UNKNOWN,
        reason="The process ended during an attempt: a provider may or may not have taken the email.",
    )


def _requeue_untried(email: Email, nobody: carriers.NobodyCanCarry) -> Email:
    with transaction.atomic():
        _record(email, _wait(email, str(nobody) or "No provider is configured."))
    return email


def _record(email: Email, outcome: Outcome) -> None:
    """Move the email and its recipients on, unless another process has claimed it since."""
    done = outcome.status != Email.Status.QUEUED
    changes = {
        "status": outcome.status,
        "provider": outcome.provider,
        "reason": outcome.reason,
        "due_at": outcome.due_at,
        "lease_until": None,
        "finished_at": timezone.now() if done else None,
    }
    if email.still_mine().update(**changes):
        for field, value in changes.items():
            setattr(email, field, value)
        if done:
            _pending(email).update(status=outcome.recipients)
    else:
        email.refresh_from_db()


def _pending(email: Email) -> QuerySet[Recipient]:
    return Recipient.objects.filter(email=email, status=Recipient.Status.PENDING)
