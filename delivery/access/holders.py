"""Teams and keys by the names that a person gives, and the limits that are set for them."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from delivery.access import audit, members, stored
from delivery.access.members import By
from delivery.access.pauses import NotYours
from delivery.models import ApiKey, Limits, Team

_PREFIX = "gm_live_"


class Unknown(Exception):
    """There is no such team or key."""


def find(name: str | None, key: str | None) -> Team | ApiKey:
    """Return the team of this name, or the key of this public id; raise Unknown."""
    if bool(name) == bool(key):
        raise Unknown("Name a team, or a key by --key and its public id.")
    found: Team | ApiKey | None = (
        ApiKey.objects.select_related("team").filter(public_id=_public_id(key)).first()
        if key
        else Team.objects.filter(name=name).first()
    )
    if found is None:
        raise Unknown(f"There is no {'key' if key else 'team'} {key or name}.")
    return found


def set_limits(holder: Team | ApiKey, changes: Mapping[str, float | int | None], by: By = None) -> Limits:
    """Change the given limits of a team or a key and return its row; each counts within a second.

    A key that was rotated shares the row of the first one. Raises NotYours for limits that a manager has set.
    """
    with transaction.atomic():
        row = _row(holder, by)
        before, after = audit.difference(audit.values(row, changes), changes)
        if after:
            audit.record("limits.set", **audit.named(holder), before=before, after=after)
        managed = members.manages_keys(by, holder.team) if isinstance(holder, ApiKey) else False
        more = {"set_by_manager": managed} if after else {}
        Limits.objects.filter(pk=row.pk).update(**changes, **more, full_at=0, high_full_at=0)
        if changes.get("stored_mb"):
            stored.count_anew(row.pk)
    row.refresh_from_db()
    return row


def limits_of(holder: Team | ApiKey) -> Limits:
    """Return what was set for a team or a key; a row that is not stored, if nothing was."""
    return Limits.objects.filter(**_whose(holder)).first() or Limits(**_whose(holder))


def _row(holder: Team | ApiKey, by: By) -> Limits:
    row, _ = Limits.objects.get_or_create(**_whose(holder))
    if row.set_by_manager and isinstance(holder, ApiKey) and not members.manages_keys(by, holder.team):
        raise NotYours("Somebody who manages the team has set these limits: let them change them.")
    return row


def _whose(holder: Team | ApiKey) -> dict[str, Any]:
    if isinstance(holder, Team):
        return {"team": holder}
    return {"key_id": holder.limited_as_id or holder.pk}


def _public_id(text: str) -> str:
    """Return the public id; it may be written as the key is shown, gm_live_abcdefgh or gm_live_abcdefgh_… too."""
    return text.removeprefix(_PREFIX).partition("_")[0]
