"""What a round of attempts means for the email: pure functions from what happened to what is written down."""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from delivery.models import Email, Recipient
from providers import errors
from providers.errors import CannotCarry, NobodyAccepted
from providers.message import Receipt

_FIRST_WAIT, _WAIT_FACTOR, _LONGEST_WAIT = 5.0, 3.0, 1800.0  # seconds
_MOST_TRIPLINGS = 10  # the longest wait is reached long before


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one round came to."""

    status: Email.Status
    recipients: Recipient.Status
    provider: str = ""
    reason: str = ""
    rejected: Mapping[str, str] = field(default_factory=dict)  # recipients it did not take: reasons
    due_at: datetime | None = None  # when it is handed over again; None: not by itself
    at: datetime = field(default_factory=timezone.now)

    @property
    def is_final(self) -> bool:
        """Tell whether nothing more is done about the email by itself."""
        return self.due_at is None


def sent(receipt: Receipt) -> Outcome:
    """A provider has accepted the email, for all recipients or for some."""
    return Outcome(
        status=Email.Status.PARTIAL if receipt.refused else Email.Status.SENT,
        recipients=Recipient.Status.ACCEPTED,
        provider=receipt.provider,
        reason="; ".join(f"{address}: {reason}" for address, reason in receipt.refused.items()),
        rejected=receipt.refused,
    )


def sent_late(provider: str, reason: str) -> Outcome:
    """A provider accepted the email long ago, and its answer is known only now."""
    accepted = Recipient.Status.ACCEPTED
    return Outcome(status=Email.Status.SENT, recipients=accepted, provider=provider, reason=reason)


def failed(reason: str) -> Outcome:
    """The email itself is bad."""
    return Outcome(status=Email.Status.FAILED, recipients=Recipient.Status.FAILED, reason=reason)


def unknown(reason: str, *, resend_at: datetime | None) -> Outcome:
    """A provider may or may not have accepted the email; it is sent again then, or never by itself."""
    return Outcome(
        status=Email.Status.UNKNOWN, recipients=Recipient.Status.UNKNOWN, reason=reason, due_at=resend_at
    )


def after_doubt(outcome: Outcome) -> Outcome:
    """What a round comes to for an email that an earlier one may have sent: only `sent` is more than a doubt."""
    if outcome.recipients == Recipient.Status.ACCEPTED:
        return outcome
    reason = f"It may have been sent before; and then: {outcome.reason}"
    return unknown(reason, resend_at=outcome.due_at)


def of_nobody(nobody: NobodyAccepted, *, rounds: int, others_in: float | None = None) -> Outcome:
    """None of those that were asked accepted: wait, unless no provider takes such a message at all.

    `others_in` says after how many seconds a provider may be asked that was not; None: all were.
    """
    if others_in is None and all(isinstance(failure, CannotCarry) for failure in nobody.failures):
        return failed(str(nobody))
    waits = [failure.retry_after or 0.0 for failure in nobody.failures]
    soonest = min([*waits, *([] if others_in is None else [others_in])])
    return wait(str(nobody), rounds=rounds, at_least=min(soonest, errors.LONGEST_NAMED))


def wait(reason: str, *, rounds: int, at_least: float = 0.0) -> Outcome:
    """The email is offered again after the back-off of that many rounds, and after so many seconds at least."""
    seconds = max(random.uniform(0, longest_wait(rounds)), at_least)  # noqa: S311 - full jitter, no secret
    return Outcome(
        status=Email.Status.QUEUED,
        recipients=Recipient.Status.PENDING,
        reason=reason,
        due_at=timezone.now() + timedelta(seconds=seconds),
    )


def at_once(reason: str) -> Outcome:
    """Nobody was asked: the email is offered as soon as somebody has time."""
    return Outcome(
        status=Email.Status.QUEUED, recipients=Recipient.Status.PENDING, reason=reason, due_at=timezone.now()
    )


def quarantined(reason: str, *, in_doubt: bool) -> Outcome:
    """The email ends whatever process has it: no process is given it any more."""
    recipients = Recipient.Status.UNKNOWN if in_doubt else Recipient.Status.FAILED
    return Outcome(status=Email.Status.QUARANTINED, recipients=recipients, reason=reason)


def longest_wait(rounds: int) -> float:
    """Return the most seconds to wait after so many rounds; jitter keeps a recovered provider from being stormed."""
    return min(_LONGEST_WAIT, _FIRST_WAIT * math.pow(_WAIT_FACTOR, min(rounds - 1, _MOST_TRIPLINGS)))
