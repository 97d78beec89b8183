"""Pauses: of a paused team or key nothing is taken and nothing that waits is sent, until somebody resumes it."""

from datetime import timedelta

from django.db import transaction
from django.db.models import F, QuerySet

from delivery.access import audit
from delivery.db import clock, pieces
from delivery.models import ApiKey, Email, Team


class Paused(Exception):
    """The team or the key is paused."""


def refuse(team: Team | None, key: ApiKey | None = None) -> None:
    """Raise Paused if one of them is paused; a key in memory knows within a second."""
    for holder in (team, key):
        if holder and holder.paused_at:
            whose = "This API key" if isinstance(holder, ApiKey) else "This API key's team"
            raise Paused(f"{whose} is paused: nothing is taken, and what waits stays until it is resumed.")


def pause(holder: Team | ApiKey) -> bool:
    """Pause it from now on; tell whether it was not paused before."""
    with transaction.atomic():
        paused = type(holder).objects.filter(pk=holder.pk, paused_at=None).update(paused_at=clock.now())
        if paused:
            _record("paused", holder)
    holder.refresh_from_db(fields=["paused_at"])
    return bool(paused)


def resume(holder: Team | ApiKey) -> bool:
    """End the pause; tell whether there was one. The deadlines of what waits move by its length: nothing is lost.

    They move before the pause ends. If this stops in the middle, the next one moves some of them twice.
    """
    rows = type(holder).objects.filter(pk=holder.pk, paused_at__isnull=False)
    paused_at = rows.values_list("paused_at", flat=True).first()
    if paused_at is not None:
        length = max(clock.now() - paused_at, timedelta())  # the clock may have been set back since
        for some in pieces.keys(waiting_of(holder)):
            Email.objects.filter(pk__in=some).update(expires_at=F("expires_at") + length)
    with transaction.atomic():
        resumed = bool(rows.filter(paused_at=paused_at).update(paused_at=None))
        if resumed:
            _record("resumed", holder)
    holder.refresh_from_db(fields=["paused_at"])
    return resumed


def waiting_of(holder: Team | ApiKey) -> QuerySet[Email]:
    """Return the emails of a team or a key that wait to be sent."""
    waiting = Email.objects.waiting().order_by()
    if isinstance(holder, ApiKey):
        return waiting.filter(team=holder.team_id, key=holder)
    return waiting.filter(team=holder)


def _record(what: str, holder: Team | ApiKey) -> None:
    named = audit.named(holder)
    audit.record(f"{named['kind']}.{what}", **named)
