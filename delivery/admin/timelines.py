"""The timeline of an email for a person: attempts, what vendors told, and what people did."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Final

from django.db.models import QuerySet

from delivery.admin import pages
from delivery.admin.pages import Label
from delivery.events import timeline
from delivery.events.timeline import Entry
from delivery.models import AuditEntry, Email

_MOST: Final = 300  # lines
_ACTIONS: Final = {
    "email.cancelled": "cancelled by hand",
    "email.rescheduled": "put off",
    "email.resent": "sent again",
}
_SHOWN: Final = {"created": "taken on", "attempt": "offered"}


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing that happened."""

    at: datetime
    label: Label
    provider: str
    recipient: str
    said: str
    email: str = ""  # the id of another one, which came of it


def of(email: Email) -> Sequence[Line]:
    """Return the lines, oldest first; of a mail that is opened again and again the last of them."""
    told = [_line(entry) for entry in timeline.of(email)]
    placed = zip(
        accumulate((line.at for line in told), max), told, strict=True
    )  # in the order that they have
    acted = [(line.at, line) for line in map(_action, _entries(email))]
    return [line for _, line in sorted([*placed, *acted], key=lambda pair: pair[0])][-_MOST:]


def _entries(email: Email) -> QuerySet[AuditEntry]:
    """Return what people and keys did about it; an attempt tells itself who settled it."""
    mine = AuditEntry.objects.filter(team=email.team_id, object_id=str(email.pk), object_kind="email")
    return mine.filter(action__in=_ACTIONS).order_by("-id")[:_MOST]


def _action(entry: AuditEntry) -> Line:
    after = entry.after or {}
    new = str(after.get("as", ""))
    return Line(
        at=entry.at,
        label=Label(text=_ACTIONS[entry.action], colour=""),
        provider="",
        recipient="",
        said=f"by {entry.actor_name}" if entry.actor_name else "",
        email=new,
    )


def _line(entry: Entry) -> Line:
    what = _SHOWN.get(entry.kind) or " ".join(filter(None, [entry.bounce, entry.kind]))
    outcome = entry.outcome.replace("_", " ")
    return Line(
        at=entry.at,
        label=pages.label(entry.outcome or entry.kind, what),
        provider=entry.provider,
        recipient=entry.recipient,
        said=" · ".join(filter(None, [_by(entry), outcome, entry.code, entry.detail, _doubt(entry)])),
    )


def _by(entry: Entry) -> str:
    return f"by {entry.by.replace('event:', 'an event: ')}" if entry.by else ""


def _doubt(entry: Entry) -> str:
    if not entry.certain:
        return "the vendor is not certain of the recipient"
    return "by a machine" if entry.bot else ""
