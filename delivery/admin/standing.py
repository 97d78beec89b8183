"""The status of an email for a person: a provider's acceptance is no delivery, and is not called one."""

from collections.abc import Collection
from typing import Final

from delivery.models import Attempt, Email, Recipient

_To = Recipient.Status
_TOLD: Final = {_To.DELIVERED, _To.DEFERRED, _To.BOUNCED, _To.COMPLAINED, _To.SUPPRESSED, _To.REJECTED}
_TAKEN: Final = {Email.Status.SENT, Email.Status.PARTIAL}
DIFFERENT: Final = "different"  # the statuses of its recipients


def of(email: Email, recipients: Collection[str | None]) -> tuple[str, str]:
    """Return a status, which has a colour, and the words for it, by the statuses of its recipients."""
    status = Email.Status(email.status)
    told = {_To(each) for each in recipients if each}
    if status in _TAKEN and len(told) == 1 and told <= _TOLD:
        (one,) = told
        return one.value, one.label
    if status in _TAKEN and told & _TOLD:
        return DIFFERENT, "See recipients"
    if status == Email.Status.SENT and email.provider:
        return status.value, f"Accepted by {email.provider}"
    return status.value, status.label


TAKEN_PERHAPS: Final = (Attempt.Outcome.ACCEPTED, *Attempt.IN_DOUBT)


def may_be_twice(email: Email, outcomes: Collection[str]) -> bool:
    """Tell whether recipients may have got it twice: a second attempt was accepted, or nobody knows."""
    return email.possible_duplicate and sum(outcome in TAKEN_PERHAPS for outcome in outcomes) > 1
