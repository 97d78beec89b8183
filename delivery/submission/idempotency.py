"""Idempotency-Keys: a repeated request gets the email of the first one."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

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


@contextmanager
def alone(key_use: KeyUse | None, email: UUID, *, seconds: float) -> Iterator[None]:
    """Keep a request that makes many emails from being worked on twice at a time; `email`: one that it is about.

    Raises StillRunning while another is at it, which is given up these seconds after it began: its process has died.
    A request that raises has not used its key.
    """
    if key_use is None:
        yield
        return
    mine = IdempotencyKey.objects.filter(scope=key_use.scope, key=key_use.key)
    given_up = Q(created_at__lt=clock.now() - timedelta(seconds=seconds))
    mine.filter(given_up | Q(waited=False)).delete()  # it has made nothing: else it would be known
    claim = IdempotencyKey(**asdict(key_use), email_id=email, waited=True, created_at=clock.now())
    try:
        with transaction.atomic():
            claim.save(force_insert=True)
    except IntegrityError as error:
        raise StillRunning from error
    own = mine.filter(pk=claim.pk)  # whoever has given us up may have the key by now
    with ExitStack() as stack:
        stack.callback(own.delete)
        yield
        stack.pop_all()
    own.update(waited=False)


def refuse_running(key_use: KeyUse | None, *, seconds: float) -> None:
    """Raise StillRunning while `alone` holds the key for a request, UsedOtherwise if it was another one."""
    if key_use is None:
        return
    several = [key_use.key, *tombstones.variants(key_use.key)]
    known = IdempotencyKey.objects.filter(scope=key_use.scope, key__in=several).first()
    if known is None:
        return
    if known.fingerprint not in (key_use.fingerprint, *tombstones.of(key_use.fingerprint)):
        raise UsedOtherwise
    if known.waited and known.created_at > clock.now() - timedelta(seconds=seconds):
        raise StillRunning


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
