"""Outcomes: what a round of attempts means for the email, as pure functions."""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from delivery.db import clock
from delivery.models import Email, Recipient
from providers import errors
from providers.errors import CannotCarry, Exhausted, NobodyAccepted
from providers.message import Receipt

_FIRST_WAIT, _WAIT_FACTOR, _LONGEST_WAIT = 5.0, 3.0, 1800.0  # seconds
_ROUNDS_OF_SHORTAGE = 3  # after a shortage of this machine the wait grows no further: 45 s at most
_MOST_TRIPLINGS = 10  # avoids overflow; the longest wait is reached long before


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of one round."""

    status: Email.Status
    recipients: Recipient.Status
    provider: str = ""
    reason: str = ""
    rejected: Mapping[str, str] = field(default_factory=dict)  # refused recipients: {address: reason}
    due_at: datetime | None = None  # when it is handed over again; None: not automatically
    at: datetime = field(default_factory=clock.now)

    @property
    def is_final(self) -> bool:
        """Tell whether no worker will hand the email over again."""
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
    """A provider accepted the email earlier, and its answer has become known only now."""
    accepted = Recipient.Status.ACCEPTED
    return Outcome(status=Email.Status.SENT, recipients=accepted, provider=provider, reason=reason)


def failed(reason: str) -> Outcome:
    """The email itself is bad."""
    return Outcome(status=Email.Status.FAILED, recipients=Recipient.Status.FAILED, reason=reason)


def suppressed(reason: str) -> Outcome:
    """Nobody who is left may be written to."""
    return Outcome(status=Email.Status.FAILED, recipients=Recipient.Status.SUPPRESSED, reason=reason)


def unknown(reason: str, *, resend_at: datetime | None) -> Outcome:
    """A provider may or may not have accepted the email. It is sent again at that time; None: not automatically."""
    return Outcome(
        status=Email.Status.UNKNOWN, recipients=Recipient.Status.UNKNOWN, reason=reason, due_at=resend_at
    )


def after_unknown(outcome: Outcome) -> Outcome:
    """The outcome of a round when an earlier one may have sent the email: unknown, unless it was accepted now."""
    if outcome.recipients == Recipient.Status.ACCEPTED:
        return outcome
    reason = f"It may have been sent before; and then: {outcome.reason}"
    return unknown(reason, resend_at=outcome.due_at)


def of_nobody(nobody: NobodyAccepted, *, rounds: int, others_in: float | None = None) -> Outcome:
    """No provider that was asked accepted: back off, or fail if none of all providers can carry the message.

    `others_in`: seconds until a provider that was not asked may be asked; None: all were asked.
    """
    if others_in is None and all(isinstance(failure, CannotCarry) for failure in nobody.failures):
        return failed(str(nobody))
    waits = [failure.retry_after or 0.0 for failure in nobody.failures]
    soonest = min([*waits, *([] if others_in is None else [others_in])])
    if all(isinstance(failure, Exhausted) for failure in nobody.failures):  # in truth nobody was asked
        rounds = min(rounds, _ROUNDS_OF_SHORTAGE)
    return wait(str(nobody), rounds=rounds, at_least=min(soonest, errors.LONGEST_NAMED))


def wait(reason: str, *, rounds: int, at_least: float = 0.0) -> Outcome:
    """The email is offered again after exponential back-off with full jitter, at least after `at_least` seconds."""
    seconds = max(random.uniform(0, longest_wait(rounds)), at_least)  # noqa: S311 - full jitter, no secret
    return Outcome(
        status=Email.Status.QUEUED,
        recipients=Recipient.Status.PENDING,
        reason=reason,
        due_at=clock.now() + timedelta(seconds=seconds),
    )


def at_once(reason: str) -> Outcome:
    """No provider was asked: the email is due at once."""
    return Outcome(
        status=Email.Status.QUEUED, recipients=Recipient.Status.PENDING, reason=reason, due_at=clock.now()
    )


def quarantined(reason: str, *, in_doubt: bool) -> Outcome:
    """The email crashes every process that has it (a poison message): no process gets it any more."""
    recipients = Recipient.Status.UNKNOWN if in_doubt else Recipient.Status.FAILED
    return Outcome(status=Email.Status.QUARANTINED, recipients=recipients, reason=reason)


def longest_wait(rounds: int) -> float:
    """Return the upper limit of the back-off in seconds; jitter keeps emails from all coming back at once."""
    return min(_LONGEST_WAIT, _FIRST_WAIT * math.pow(_WAIT_FACTOR, min(rounds - 1, _MOST_TRIPLINGS)))
