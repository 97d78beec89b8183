"""An event's row, and the key that makes a repeat of it the same event."""

import hashlib
import json
from datetime import UTC
from uuid import UUID

from delivery.content import addresses
from delivery.db.text import storable, storable_json
from delivery.models import ProviderEvent
from providers.events import Event, Kind

_LONGEST_ADDRESS = 254


def of(account: str, event: Event) -> ProviderEvent:
    """Return the row of an event, which is about no email yet."""
    recipient = addresses.canonical(storable(event.recipient.strip()))[:_LONGEST_ADDRESS]
    return ProviderEvent(
        key=_key(account, event, recipient),
        account=account,
        kind=event.kind.value,
        name=storable(event.name)[:100],
        attempt=_attempt(event.attempt),
        recipient=recipient,
        certain=event.certain and not event.not_spam,  # a complaint taken back says nothing of the mail's way
        bounce=event.bounce.value,
        bot=event.bot,
        not_spam=event.not_spam and event.certain,
        list_name=storable(event.list_name)[:100],
        trouble=event.trouble.value,
        code=storable(event.code)[:100],
        reason=storable(event.reason),
        at=event.at,
        raw=storable_json(event.raw),
    )


def _key(account: str, event: Event, recipient: str) -> str:
    """Return the SHA-256 of what a repeat has in common; the vendor's id of an event is not: some change it."""
    parts = [account, event.kind.value]
    if event.kind is Kind.OTHER:  # nothing in it is sure to have been read
        parts += [event.name, json.dumps(event.raw, sort_keys=True, default=str)]
    else:
        at = event.at.astimezone(UTC).isoformat()
        parts += [event.message_id or event.attempt, recipient, at, event.distinction]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _attempt(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
