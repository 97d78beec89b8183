"""Pauses: of a paused team or key nothing is taken and nothing that waits is sent, until somebody resumes it."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from delivery.access import audit, leaving, members
from delivery.access.members import By
from delivery.db import clock, pieces
from delivery.models import ApiKey, Email, Team


class Paused(Exception):
    """The team or the key is paused."""


class NotYours(Exception):
    """Somebody who manages the team has ordered this."""


def refuse(team: Team | None, key: ApiKey | None = None) -> None:
    """Raise Paused if one of them is paused; a key in memory knows within a second."""
    for holder in (team, key):
        if holder and holder.paused_at:
            whose = "This API key" if isinstance(holder, ApiKey) else "This API key's team"
            raise Paused(f"{whose} is paused: nothing is taken, and what waits stays until it is resumed.")


def pause(holder: Team | ApiKey, by: By = None) -> bool:
    """Pause it from now on; tell whether it was not paused before. A manager's pause of a key is ended by managers."""
    managers, rows = _of_managers(holder, by), type(holder).objects.filter(pk=holder.pk)
    with transaction.atomic():
        paused = rows.filter(paused_at=None).update(paused_at=clock.now(), **managers)
        if paused:
            _record("paused", holder)
        elif managers:
            rows.update(**managers)
    holder.refresh_from_db(fields=["paused_at", *managers])
    return bool(paused)


def resume(holder: Team | ApiKey, by: By = None) -> bool:
    """End the pause; tell whether there was one. The deadlines of what waits move by its length: nothing is lost.

    They move before the pause ends. If this stops in the middle, the next one moves some of them twice. Raises
    NotYours, Leaving.
    """
    leaving.refuse(holder.team_id if isinstance(holder, ApiKey) else holder.pk)
    holder.refresh_from_db(fields=list(_over(holder)))
    _refuse_managers(holder, by)
    rows = type(holder).objects.filter(pk=holder.pk, paused_at__isnull=False)
    paused_at = rows.values_list("paused_at", flat=True).first()
    if paused_at is not None:
        length = max(clock.now() - paused_at, timedelta())  # the clock may have been set back since
        for some in pieces.keys(waiting_of(holder)):
            Email.objects.filter(pk__in=some).update(expires_at=F("expires_at") + length)
    with transaction.atomic():
        resumed = bool(rows.filter(paused_at=paused_at).update(**_over(holder)))
        if resumed:
            _record("resumed", holder)
    holder.refresh_from_db(fields=list(_over(holder)))
    return resumed


def waiting_of(holder: Team | ApiKey) -> QuerySet[Email]:
    """Return the emails of a team or a key that wait to be sent."""
    waiting = Email.objects.waiting().order_by()
    if isinstance(holder, ApiKey):
        return waiting.filter(team=holder.team_id, key=holder)
    return waiting.filter(team=holder)


def _of_managers(holder: Team | ApiKey, by: By) -> dict[str, bool]:
    """Return what a pause says of who made it: of a team only the operator pauses."""
    managed = isinstance(holder, ApiKey) and members.manages_keys(by, holder.team)
    return {"paused_by_manager": True} if managed else {}


def _refuse_managers(holder: Team | ApiKey, by: By) -> None:
    if isinstance(holder, ApiKey) and holder.paused_by_manager and not members.manages_keys(by, holder.team):
        raise NotYours("Somebody who manages the team has paused this key: let them resume it.")


def _over(holder: Team | ApiKey) -> dict[str, Any]:
    ended: dict[str, Any] = {"paused_at": None}
    return {**ended, "paused_by_manager": False} if isinstance(holder, ApiKey) else ended


def _record(what: str, holder: Team | ApiKey) -> None:
    named = audit.named(holder)
    audit.record(f"{named['kind']}.{what}", **named)
