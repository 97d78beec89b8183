"""Teams and keys by the names that a person gives, and the limits that are set for them."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from delivery.access import audit, stored
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


def set_limits(holder: Team | ApiKey, changes: Mapping[str, float | int | None]) -> Limits:
    """Change the given limits of a team or a key and return its row; each counts within a second."""
    whose: dict[str, Any] = {"key" if isinstance(holder, ApiKey) else "team": holder}
    with transaction.atomic():
        row, _ = Limits.objects.get_or_create(**whose)
        before, after = audit.difference(audit.values(row, changes), changes)
        if after:
            audit.record("limits.set", **audit.named(holder), before=before, after=after)
        Limits.objects.filter(pk=row.pk).update(**changes, full_at=0, high_full_at=0)
        if changes.get("stored_mb"):
            stored.count_anew(row.pk)
    row.refresh_from_db()
    return row


def _public_id(text: str) -> str:
    """Return the public id; it may be written as the key is shown, gm_live_abcdefgh or gm_live_abcdefgh_… too."""
    return text.removeprefix(_PREFIX).partition("_")[0]
