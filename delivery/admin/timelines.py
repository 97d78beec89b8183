"""The timeline of an email for a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from delivery.admin import pages
from delivery.admin.pages import Label
from delivery.events import timeline
from delivery.events.timeline import Entry
from delivery.models import Email

_MOST: Final = 300  # lines
_SHOWN: Final = {"created": "taken on", "attempt": "offered"}


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing that happened."""

    at: datetime
    label: Label
    provider: str
    recipient: str
    said: str


def of(email: Email) -> Sequence[Line]:
    """Return the lines, oldest first; of a mail that is opened again and again the last of them."""
    return [_line(entry) for entry in timeline.of(email)[-_MOST:]]


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
