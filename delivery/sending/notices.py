"""What webhooks tell of an email's way: one notice for each move that a client may wait for."""

from collections.abc import Iterable
from typing import Final

from delivery.models import Email
from delivery.sending.outcomes import Outcome
from delivery.webhooks import outbox
from delivery.webhooks.outbox import Notice

_Status = Email.Status
_KINDS: Final = {
    _Status.SENT: "email.sent",
    _Status.PARTIAL: "email.sent",
    _Status.FAILED: "email.failed",
    _Status.EXPIRED: "email.expired",
    _Status.UNKNOWN: "email.unknown",
}


def moved(parts: Iterable[tuple[Email, Outcome]], was: str = _Status.SENDING) -> None:
    """Tell of emails that had this status and have moved to their outcomes, in the caller's transaction."""
    outbox.enqueue(
        [
            _notice(kind, email, status=outcome.status, provider=outcome.provider, reason=outcome.reason)
            for email, outcome in parts
            if (kind := _kind(outcome.status, was))
        ]
    )


def expired(email: Email) -> None:
    """Tell of an email that no provider accepted before its deadline, in the caller's transaction."""
    outbox.enqueue([_notice("email.expired", email, status=_Status.EXPIRED)])


def settled(email: Email, status: str, *, provider: str = "", reason: str = "") -> None:
    """Tell of an unknown email of which is known now what became of it, in the caller's transaction."""
    outbox.enqueue([_notice("email.settled", email, status=status, provider=provider, reason=reason)])


def _kind(status: str, was: str) -> str | None:
    if was == _Status.UNKNOWN and status != _Status.UNKNOWN:
        return "email.settled"
    return _KINDS.get(_Status(status))


def _notice(kind: str, email: Email, *, status: str, provider: str = "", reason: str = "") -> Notice:
    data = {"email_id": email.pk, "status": status, "provider": provider, "reason": reason}
    return Notice(kind=kind, team_id=email.team_id, data=data)
