"""The context of an email's page."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.admin.utils import unquote
from django.http import Http404
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil

from delivery import bundles
from delivery.admin import standing, vendor_traces
from delivery.admin.base import COLOURS
from delivery.db import clock
from delivery.models import Attempt, Email

NO_SUBJECT = "(no subject)"
DUPLICATE = "may be a duplicate"
INTERRUPTED = "interrupted: outcome not known yet"


@dataclass(frozen=True, kw_only=True)
class Label:
    """A coloured label."""

    text: str
    colour: str


@dataclass(frozen=True, kw_only=True)
class Try:
    """One attempt with its labels."""

    attempt: Attempt
    outcome: Label
    error: str  # the kind of error in words, if the outcome does not say it
    settled: SafeString | str  # when an unknown outcome was settled
    trace: str  # what to look for at the vendor


def email(email: Email, now: datetime) -> dict[str, Any]:
    """Return the context of the page."""
    return {
        "title": subject(email),
        "is_twice": standing.may_be_twice(email, [row.outcome for row in email.attempts.all()]),
        "status": label(*standing.of(email, {row.status for row in email.recipients.all()})),
        "times": _times(email),
        "body_pruned": moment(email.body_pruned_at) if email.body_pruned_at else "",
        "reply_to": [f"{name} <{address}>" if name else address for address, name in email.reply_to],
        "recipients": [(row, label(row.status, row.get_status_display())) for row in email.recipients.all()],
        "attachments": list(email.attachments.all()),
        "is_whole": bundles.load(email).is_whole(),
        "tries": [_try(row, email, now) for row in email.attempts.all()],
        "lists": [pair for pair in _lists(email) if pair[1]],
    }


def _try(attempt: Attempt, email: Email, now: datetime) -> Try:
    return Try(
        attempt=attempt,
        outcome=outcome(attempt, email, now),
        error="" if attempt.error == attempt.outcome else attempt.error.replace("_", " "),
        settled=moment(attempt.settled_at) if attempt.settled_at else "",
        trace=vendor_traces.advice(attempt),
    )


def subject(email: Email) -> str:
    """Return the subject, or words for that there is none."""
    return email.subject.strip() or NO_SUBJECT


def label(value: str, text: str) -> Label:
    """Return the label of a status."""
    return Label(text=text, colour=COLOURS.get(value, ""))


def outcome(attempt: Attempt, email: Email, now: datetime) -> Label:
    """Return the label of an attempt's outcome; `started` counts as interrupted once the claim has ended."""
    if attempt.outcome != Attempt.Outcome.STARTED:
        return label(attempt.outcome, attempt.get_outcome_display())
    claimed = email.status == Email.Status.SENDING and attempt.epoch == email.epoch
    if claimed and email.lease_until and email.lease_until > now:
        return label(attempt.outcome, "in progress")
    return Label(text=INTERRUPTED, colour="warning")


def moment(when: datetime) -> SafeString:
    """Return a time for a person: exact, and relative to now."""
    local = timezone.localtime(when)
    return format_html(
        '<time datetime="{}" class="gm-time">{} <span class="gm-quiet">{}</span></time>',
        local.isoformat(timespec="seconds"),
        f"{local:%d %b %Y %H:%M:%S %Z}",
        _ago(when),
    )


def _ago(when: datetime) -> str:
    seconds = (clock.now() - when).total_seconds()
    if seconds <= -60:
        return f"in {timeuntil(when, depth=1)}"
    if seconds < 60:
        return "just now" if seconds >= 0 else "in a moment"
    return f"{timesince(when, depth=1)} ago"


def _times(email: Email) -> list[tuple[str, SafeString]]:
    queued, scheduled = email.status == Email.Status.QUEUED, email.status == Email.Status.SCHEDULED
    times = [
        ("Accepted", email.created_at),
        ("Finished", email.finished_at),
        ("Leaves", email.due_at if scheduled else None),
        ("Next offer", email.due_at if queued else None),
        ("Given up after", email.expires_at if queued or scheduled else None),
        ("Claimed until", email.lease_until if email.status == Email.Status.SENDING else None),
    ]
    return [(name, moment(when)) for name, when in times if when]


def _lists(email: Email) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return headers, metadata and left-out providers as named pairs of text."""
    return [
        ("Headers", _pairs(email.headers)),
        ("Metadata", _pairs(email.metadata)),
        ("Template", [pair for pair in _pairs(email.template) if pair[1]]),
        ("Signatures", [(each["kind"], each["id"]) for each in email.signatures or []]),
        ("Providers not asked", _pairs(_without_names(email.left_out))),
    ]


def _without_names(left_out: Any) -> dict[str, Any]:
    """Return the reasons without the leading provider's name, which the page shows beside them."""
    items = left_out.items() if isinstance(left_out, dict) else []
    return {name: str(reason).removeprefix(f"{name} ") for name, reason in items}


def _pairs(mapping: Any) -> list[tuple[str, str]]:
    items = mapping.items() if isinstance(mapping, dict) else []
    return [(str(name), value if isinstance(value, str) else json.dumps(value)) for name, value in items]


def number(object_id: str) -> int:
    """Return the id of a row as it stands in a path; 0, which no row has, for anything else."""
    text = unquote(object_id)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def id_of(object_id: str) -> UUID:
    """Return the id of a row as it stands in a path; raise Http404 for anything else."""
    try:
        return UUID(unquote(object_id))
    except ValueError as error:
        raise Http404 from error
