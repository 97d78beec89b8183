"""Idempotency-Keys: a repeated request gets the email of the first one."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Any

from django.db import IntegrityError

from delivery.content import tombstones
from delivery.db import clock
from delivery.models import Email, IdempotencyKey, Team
from providers.message import Attachment

_PIECE = 1024 * 1024
# Fields that came later, by what they were before: a key that was used before an update is known after it.
_LATER = {
    "purpose": "transactional",
    "unsubscribe": "",
    "template": None,
    "signature": "",
    "written_with": None,
    "signed_with": (),
}


class UsedOtherwise(Exception):
    """The key was used before with another payload."""


class StillRunning(Exception):
    """The first request with this key has no outcome yet."""


class Taken(Exception):
    """Another request with this key was accepted a moment ago."""


@dataclass(frozen=True, kw_only=True)
class KeyUse:
    """The use of a client's key by one request."""

    scope: str
    key: str
    fingerprint: str


def use(key: str, team: Team | None, **content: Any) -> KeyUse:
    """Return the use of a key by a request with this content; keys of different teams are independent."""
    return KeyUse(scope=str(team.pk) if team else "", key=key, fingerprint=_fingerprint(content))


def find_each(uses: Sequence[KeyUse]) -> list[Email]:
    """Return the emails that an earlier request has made with one key and these numbers.

    Raises UsedOtherwise for another payload.
    """
    if not uses:
        return []
    several = [key for use in uses for key in (use.key, *tombstones.variants(use.key))]
    found = IdempotencyKey.objects.select_related("email").filter(scope=uses[0].scope, key__in=several)
    known = list(found.order_by("email_id"))
    allowed = {one for use in uses for one in (use.fingerprint, *tombstones.of(use.fingerprint))}
    if any(one.fingerprint not in allowed for one in known):
        raise UsedOtherwise
    return [one.email for one in known]


def find(key_use: KeyUse) -> Email | None:
    """Return the email of the first request with this key; None if this is the first.

    Raises UsedOtherwise for another payload, StillRunning until the first request's outcome is stored.
    """
    # Both may stand there under a tombstone by now: the recipient was erased.
    several = [key_use.key, *tombstones.variants(key_use.key)]
    uses = IdempotencyKey.objects.select_related("email").filter(scope=key_use.scope, key__in=several)
    if (known := uses.first()) is None:
        return None
    if known.fingerprint not in (key_use.fingerprint, *tombstones.of(key_use.fingerprint)):
        raise UsedOtherwise
    if known.waited and known.email.status == Email.Status.SENDING and known.email.epoch == 1:
        raise StillRunning
    return known.email


def bind(uses: Sequence[tuple[KeyUse, Email]]) -> None:
    """Bind keys to emails in the transaction that inserts them; raise Taken if another request was faster."""
    now = clock.now()
    rows = [
        IdempotencyKey(
            **asdict(key_use), email=email, waited=email.status == Email.Status.SENDING, created_at=now
        )
        for key_use, email in uses
    ]
    try:
        IdempotencyKey.objects.bulk_create(rows)
    except IntegrityError as error:
        raise Taken from error


def _fingerprint(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=_plain).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Attachment):
        return [value.filename, value.content_type, value.content_id, value.size, _digest(value)]
    if is_dataclass(value):
        values = {field.name: getattr(value, field.name) for field in fields(value)}
        return {name: each for name, each in values.items() if _LATER.get(name, ...) != each}
    return dict(value) if isinstance(value, Mapping) else str(value)


def _digest(file: Attachment) -> str:
    digest = hashlib.sha256()
    with file.open() as content:
        while piece := content.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
