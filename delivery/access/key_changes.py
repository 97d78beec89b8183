"""Changes of keys: made by another key, changed, rotated. Each counts within a second, in every process."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Q, QuerySet

from delivery.access import audit, keys, members, pauses
from delivery.access import key_rules as rules
from delivery.db import clock
from delivery.models import ApiKey, Limits, Team

OVERLAP: Final = timedelta(hours=24)  # in which a rotated key still works
_LIMITS: Final = ("per_second", "high_per_second", "daily", "waiting", "stored_mb")
_HANDED_ON: Final = ("paused_at", "paused_by_manager", "made_by", "of_person")  # to a successor


class NotLive(Exception):
    """This API key is revoked, has expired, or has a successor already."""


def seen_by(key: ApiKey | None, team: Team | None) -> QuerySet[ApiKey]:
    """Return the keys of a team that one of them sees: all, or its person's own if he does not manage the team.

    A key whose person's account is deleted sees itself, and those that it has made.
    """
    mine = ApiKey.objects.filter(team=team)
    if key is None or members.manages_keys(key, key.team):
        return mine
    own = Q(made_by=key.made_by) if key.made_by_id else Q(pk=key.pk) | Q(made_with=key)
    return mine.filter(own)


def make(team: Team, maker: ApiKey | None, asked: Mapping[str, Any]) -> tuple[ApiKey, str]:
    """Make a key with another one; what is not said is as that one has it.

    A paused key makes none, which would send in its place, and a limited one none, of which ten would send ten times
    as much. Raises Beyond, Paused.
    """
    pauses.refuse(None, maker)
    if maker:
        _refuse_limited(maker)
    given = {**(rules.rights(maker) if maker else {}), **asked}
    rules.refuse_beyond(maker, _parsed(given))
    return keys.issue(team, made_with=maker, **_person_of(maker), **given)


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
    if maker and _line(maker) != _line(key):
        _refuse_limited(maker)
    with transaction.atomic():
        old = ApiKey.objects.select_for_update().get(pk=key.pk)
        if not old.may_be_used() or ApiKey.objects.filter(successor_of=old).exists():
            raise NotLive(NotLive.__doc__)
        same = {**rules.told(old), **audit.values(old, _HANDED_ON), "limited_as": old.limited_as or old}
        made, token = keys.write(old.team, made_with=maker, successor_of=old, **same)
        ends = clock.now() + overlap
        old.expires_at = min(ends, old.expires_at or ends)
        old.save(update_fields=["expires_at"])
        after = {"successor": made.public_id, "expires_at": old.expires_at}
        audit.record("key.rotated", "key", old.public_id, team=old.team_id, after=after)
    key.expires_at = old.expires_at
    return made, token


def resume(key: ApiKey, maker: ApiKey | None) -> None:
    """End a key's pause; no key ends its own, nor that of one that may more. Raises Beyond, NotYours, Paused."""
    pauses.refuse(None, maker)
    rules.refuse_beyond(maker, rules.rights(key))
    pauses.resume(key, maker)


def _parsed(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values in the form in which they are stored."""
    parsed = dict(asked)
    if "from_addresses" in asked:
        parsed["from_addresses"] = [rules.sender(text) for text in asked["from_addresses"]]
    if "networks" in asked:
        parsed["networks"] = rules.networks(asked["networks"])
    return parsed


def _refuse_limited(maker: ApiKey) -> None:
    row = Limits.objects.filter(key=_line(maker)).first()
    if row and any(getattr(row, name) for name in _LIMITS):
        raise rules.Beyond(
            "This API key has limits, which no other key would share: it rotates itself alone."
        )


def _line(key: ApiKey) -> int:
    """Return the key with whose row of limits this one counts."""
    return key.limited_as_id or key.pk


def _person_of(maker: ApiKey | None) -> dict[str, Any]:
    """Return whose a key is that is made with another one: the same person's."""
    return {"made_by": maker.made_by, "of_person": maker.of_person} if maker else {}
