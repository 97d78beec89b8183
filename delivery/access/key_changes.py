"""Changes of keys: made by another key, changed, rotated. Each counts within a second, in every process."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from delivery.access import audit, keys, members, pauses
from delivery.access import key_rules as rules
from delivery.access.scopes import Scope
from delivery.db import clock
from delivery.models import ApiKey, Limits, Team

OVERLAP: Final = timedelta(hours=24)  # in which a rotated key still works
_LIMITS: Final = ("per_second", "burst", "daily", "waiting", "stored_mb")


class NotLive(Exception):
    """This API key is revoked, has expired, or has a successor already."""


def seen_by(key: ApiKey | None, team: Team | None) -> QuerySet[ApiKey]:
    """Return the keys of a team that one of them sees: all, or its person's own if he does not manage the team."""
    mine = ApiKey.objects.filter(team=team)
    person = key.made_by if key else None
    if key is None or person is None or Scope.MEMBERS_WRITE in members.scopes_of(person, key.team):
        return mine
    return mine.filter(made_by=person)


def make(team: Team, maker: ApiKey | None, asked: Mapping[str, Any]) -> tuple[ApiKey, str]:
    """Make a key with another one, and with its limits; what is not said is as that one has it.

    A paused key makes none, which would send in its place. Raises Beyond, Paused.
    """
    pauses.refuse(None, maker)
    given = {**(rules.rights(maker) if maker else {}), **asked}
    rules.refuse_beyond(maker, _parsed(given))
    with transaction.atomic():
        made, token = keys.issue(team, made_with=maker, made_by=maker and maker.made_by, **given)
        _copy_limits(maker, made)
    return made, token


def change(key: ApiKey, maker: ApiKey | None, asked: Mapping[str, Any]) -> None:
    """Change name, note, scopes, senders, networks or the last moment of a key. Raises Beyond, InvalidScopes."""
    rules.refuse_beyond(maker, rules.rights(key))
    parsed = _parsed(asked)
    rules.refuse_beyond(maker, {**rules.rights(key), **parsed})
    if "scopes" in parsed:
        keys.refuse_scopes(parsed["scopes"])
    before = rules.told(key)
    with transaction.atomic():
        ApiKey.objects.filter(pk=key.pk).update(**parsed)
        key.refresh_from_db()
        was, is_now = audit.difference(before, rules.told(key))
        audit.record("key.changed", "key", key.public_id, team=key.team_id, before=was, after=is_now)


def rotate(key: ApiKey, maker: ApiKey | None = None, *, overlap: timedelta = OVERLAP) -> tuple[ApiKey, str]:
    """Return a successor with the same rights and its token; the old key ends after the overlap. Raises NotLive."""
    rules.refuse_beyond(maker, rules.rights(key))
    with transaction.atomic():
        old = ApiKey.objects.select_for_update().get(pk=key.pk)
        if not old.may_be_used() or ApiKey.objects.filter(successor_of=old).exists():
            raise NotLive(NotLive.__doc__)
        same = {**rules.told(old), "paused_at": old.paused_at, "made_by": old.made_by}
        made, token = keys.write(old.team, made_with=maker, successor_of=old, **same)
        _copy_limits(old, made)
        ends = clock.now() + overlap
        old.expires_at = min(ends, old.expires_at or ends)
        old.save(update_fields=["expires_at"])
        after = {"successor": made.public_id, "expires_at": old.expires_at}
        audit.record("key.rotated", "key", old.public_id, team=old.team_id, after=after)
    key.expires_at = old.expires_at
    return made, token


def resume(key: ApiKey, maker: ApiKey | None) -> None:
    """End a key's pause; no key ends its own, nor that of one that may more. Raises Beyond, Paused."""
    pauses.refuse(None, maker)
    rules.refuse_beyond(maker, rules.rights(key))
    pauses.resume(key)


def _parsed(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values in the form in which they are stored."""
    parsed = dict(asked)
    if "from_addresses" in asked:
        parsed["from_addresses"] = [rules.sender(text) for text in asked["from_addresses"]]
    if "networks" in asked:
        parsed["networks"] = rules.networks(asked["networks"])
    return parsed


def _copy_limits(old: ApiKey | None, new: ApiKey) -> None:
    """Let a key have the limits of the one that it comes from; it counts for itself."""
    row = Limits.objects.filter(key=old).first() if old else None
    if row:
        Limits.objects.create(key=new, **{name: getattr(row, name) for name in _LIMITS})
