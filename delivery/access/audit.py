"""The audit: each change that a person or a key makes leaves one row, in the transaction of the change.

Sending, resending and dry runs leave none: the email is their record. See docs/audit.md.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

from delivery.access import actor
from delivery.db.text import storable_json
from delivery.models import ApiKey, AuditEntry, Team

CUT: Final = "***"
_LONGEST_TEXT: Final = 1000  # characters
_LONGEST_LIST: Final = 100  # items
_SECRET_NAMES: Final = re.compile("secret|token|digest|password|credential|authorization", re.IGNORECASE)
_SECRETS: Final = re.compile(r"(gm_live_[0-9A-Za-z]{8})_\w+|whsec_[0-9A-Za-z+/=_-]+")
_URL: Final = re.compile(r"(https?://)(?:[^/?#\s]*@)?([^?#\s]*)([?#]\S*)?", re.IGNORECASE)
_ENCODER: Final = DjangoJSONEncoder()


class OutsideTransaction(Exception):
    """What is recorded outside of the transaction of the change may be kept without it, or lost."""


def record(  # noqa: PLR0913 - the parts of a sentence: who is known, the rest is said
    action: str,
    kind: str,
    id: object,
    *,
    team: Team | int | None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write down who has done what to which object, in the caller's transaction; secrets are cut."""
    if not connection.in_atomic_block:
        raise OutsideTransaction(action)
    who = actor.current()
    AuditEntry.objects.create(
        team_id=team.pk if isinstance(team, Team) else team,
        actor_kind=who.kind,
        actor_id=_text(who.id, 64),
        actor_name=_text(who.name, 200),
        address=_text(who.address or "", 45),
        request_id=_text(who.request_id or "", 64),
        action=action,
        object_kind=kind,
        object_id=_text(str(id), 320),
        before=None if before is None else _shown(before),
        after=None if after is None else _shown(after),
    )


def named(holder: Team | ApiKey) -> dict[str, Any]:
    """Return how a team or a key is named as the object of an entry."""
    if isinstance(holder, ApiKey):
        return {"kind": "key", "id": holder.public_id, "team": holder.team_id}
    return {"kind": "team", "id": holder.pk, "team": holder}


def values(row: object, names: Iterable[str]) -> dict[str, Any]:
    """Return the values of these attributes, as `before` or `after`."""
    return {name: getattr(row, name) for name in names}


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what has changed, as it was and as it is."""
    changed = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in changed}, {name: after[name] for name in changed}


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return JSON that every database stores, without secrets, and not without end."""
    return {
        str(name): CUT if _is_secret(str(name), value) else _part(value) for name, value in values.items()
    }


def _is_secret(name: str, value: Any) -> bool:
    return bool(value) and not isinstance(value, bool | int) and bool(_SECRET_NAMES.search(name))


def _part(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _shown(value)
    if isinstance(value, list | tuple | set | frozenset):
        some = [_part(item) for item in list(value)[:_LONGEST_LIST]]
        return some if len(value) <= _LONGEST_LIST else [*some, f"and {len(value) - _LONGEST_LIST:,} more"]
    if isinstance(value, str):
        return _text(_without_secrets(value), _LONGEST_TEXT)
    return value if value is None or isinstance(value, bool | int | float) else _part(_ENCODER.default(value))


def _without_secrets(text: str) -> str:
    """Cut tokens, and of a URL what is around its host and path: a client may keep a key of its own there."""
    text = _SECRETS.sub(lambda found: f"{found[1]}_{CUT}" if found[1] else f"whsec_{CUT}", text)
    url = _URL.fullmatch(text)
    return f"{url[1]}{url[2]}{'?' + CUT if url[3] else ''}" if url else text


def _text(text: str, longest: int) -> str:
    kept: str = storable_json(text)
    return kept if len(kept) <= longest else f"{kept[: longest - 1]}…"
