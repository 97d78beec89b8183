"""Events as a vendor tells them of an attempt."""

from datetime import UTC, datetime, timedelta
from typing import Any

from delivery.events import record
from delivery.events.record import Tally
from delivery.models import Attempt, Recipient
from providers.events import Event, Kind

NOON = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def event(attempt: Attempt, kind: str = "delivered", *, after: float = 0, **fields: Any) -> Event:
    """Return an event of the attempt's first recipient, so many seconds after noon."""
    if "recipient" not in fields:
        fields["recipient"] = first(attempt).address
    given = {"name": kind, "attempt": str(attempt.pk), "message_id": f"m-{attempt.pk}", **fields}
    return Event(kind=Kind(kind), at=NOON + timedelta(seconds=after), **given)


def tell(attempt: Attempt, kind: str = "delivered", **fields: Any) -> Tally:
    """Record one event of the attempt."""
    return record.record(attempt.provider, [event(attempt, kind, **fields)])


def first(attempt: Attempt) -> Recipient:
    recipient = Recipient.objects.filter(email=attempt.email_id).order_by("id").first()
    assert recipient
    return recipient
