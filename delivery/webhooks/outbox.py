"""The outbox: what is to be told is written in the transaction that made it true, and posted by the workers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from delivery.db import clock
from delivery.db.inserts import Insert
from delivery.db.text import storable
from delivery.models import WebhookMessage
from delivery.webhooks import listeners, schedule

_written = Insert(WebhookMessage)


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something that endpoints may want to be told of."""

    kind: str  # one of webhooks/kinds
    team_id: int | None  # whose it is; None: nobody's, or everybody's
    # Thin: ids, recipient, provider, reason; "email_id" where it is about an email.
    data: Mapping[str, object]
    at: datetime | None = None  # when it happened; None: now


def enqueue(notices: Sequence[Notice]) -> None:
    """Write a message for each endpoint that listens, in the caller's transaction; no statement if none does."""
    if messages := [message for notice in notices for message in _messages(notice)]:
        _written.run(messages)


def tell(endpoint: UUID, notice: Notice) -> WebhookMessage:
    """Write a message for this endpoint, whatever it listens to."""
    message = _message(endpoint, notice)
    _written.run([message])
    return message


def _messages(notice: Notice) -> Iterator[WebhookMessage]:
    return (_message(endpoint, notice) for endpoint in listeners.of(notice.kind, notice.team_id))


def _message(endpoint: UUID, notice: Notice) -> WebhookMessage:
    now = clock.now()
    return WebhookMessage(
        endpoint_id=endpoint,
        kind=notice.kind,
        data=_storable(notice.data),
        at=notice.at or now,
        due_at=now + schedule.first(),
    )


def _storable(value: object) -> object:
    """Return the value with texts that every database can store: what a vendor says must not fail the transaction."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(name)): _storable(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(part) for part in value]
    return value
