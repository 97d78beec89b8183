"""Incidents: opened when a trouble is seen, and closed when it is seen no more. Telling people is alerts' part.

Each move says in its own UPDATE when people are to be told: whoever dies between the two leaves a row that another
process finds. One that comes back within five minutes goes on being the same, and is a flapping one: what becomes of it
is told when it has lasted for five minutes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from delivery.access import audit
from delivery.content import addresses
from delivery.db import clock
from delivery.db.text import storable
from delivery.models import Incident

DAMPED: Final = timedelta(minutes=5)
REMIND_FIRST: Final = timedelta(hours=1)  # after people were told that it is there
REMIND_NEXT: Final = timedelta(hours=6)  # after the first reminder, and after each
AT_ONCE: Final = timedelta()
_NOTED: Final = timedelta(minutes=1)  # between two notes that it is still there
_Word = Incident.Word


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Something that is wrong now."""

    said: str  # for a person: neither addresses nor a vendor's words
    subject: str = ""  # what has it; empty: the whole installation


def observe(kind: str, troubles: Iterable[Trouble], *, patience: timedelta = AT_ONCE) -> None:
    """Open, keep and close the incidents of a kind by what is true now; people are told after so much patience."""
    found = {trouble.subject: trouble for trouble in troubles}
    there = {incident.subject: incident for incident in opened().filter(kind=kind)}
    for subject, trouble in found.items():
        if subject in there:
            _note(there[subject], trouble)
        else:
            open(kind, trouble, patience=patience)
    for subject in there.keys() - found.keys():
        close(there[subject])


def opened() -> QuerySet[Incident]:
    """Return those that are there now."""
    return Incident.objects.filter(closed_at=None)


def open(kind: str, trouble: Trouble, *, patience: timedelta = AT_ONCE) -> None:
    """Open an incident, or reopen the last one if it was closed just now; of several processes one does it."""
    last = Incident.objects.filter(kind=kind, subject=trouble.subject).order_by("-id").first()
    if last and last.closed_at and clock.now() - last.closed_at < DAMPED:
        _reopen(last, trouble)
        return
    now = clock.now()
    moments = {"opened_at": now, "seen_at": now, "tell_at": now + patience}
    try:
        with transaction.atomic():
            Incident.objects.create(kind=kind, subject=trouble.subject, said=_said(trouble), **moments)
    except IntegrityError:  # another process has seen it at the same moment
        return


def close(incident: Incident) -> None:
    """Close an incident. What was to be told of it stays, unless people know already that it is there."""
    now = clock.now()
    changes: dict[str, Any] = {"closed_at": now}
    if incident.told == _Word.OPENED:
        changes["tell_at"] = now + DAMPED if incident.flaps else now
    _still(incident).update(**changes)


def acknowledge(incident: Incident, by: str) -> bool:
    """Note that a person knows of it: there are no more reminders. Tell whether it was open and nobody had."""
    with transaction.atomic():
        rows = opened().filter(pk=incident.pk, acknowledged_at=None)
        changed = rows.update(acknowledged_at=Now(), acknowledged_by=by)
        if changed:
            opened().filter(pk=incident.pk, told=_Word.OPENED).update(tell_at=None)
            after = {"kind": incident.kind, "subject": incident.subject}
            audit.record("incident.acknowledged", "incident", incident.pk, team=None, after=after)
    return bool(changed)


def reminded_at(incident: Incident, since: datetime) -> datetime | None:
    """Return when people are reminded of an open incident that they were told of then; None: somebody knows."""
    if incident.acknowledged_at:
        return None
    return since + (REMIND_NEXT if incident.reminders else REMIND_FIRST)


def _reopen(incident: Incident, trouble: Trouble) -> None:
    now = clock.now()
    people_know = incident.told == _Word.OPENED  # and were not told yet that it was over
    again = incident.tell_at or now + DAMPED
    tell_at = reminded_at(incident, incident.told_at or now) if people_know else again
    changes: dict[str, Any] = {"closed_at": None, "seen_at": now, "said": _said(trouble), "tell_at": tell_at}
    try:
        with transaction.atomic():
            _still(incident).update(flaps=F("flaps") + 1, **changes)
    except IntegrityError:  # another process has opened one
        return


def _note(incident: Incident, trouble: Trouble) -> None:
    now = clock.now()
    if now - incident.seen_at >= _NOTED:
        _still(incident).update(seen_at=now, said=_said(trouble))


def _still(incident: Incident) -> QuerySet[Incident]:
    """Return a queryset of this row that is empty if it was opened or closed meanwhile."""
    return Incident.objects.filter(pk=incident.pk, closed_at=incident.closed_at)


def _said(trouble: Trouble) -> str:
    return storable(addresses.hidden(trouble.said))
