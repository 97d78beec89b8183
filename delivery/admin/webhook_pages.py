"""The contexts of the pages of webhooks."""

import json
from typing import Any, Final

from django.db.models import QuerySet

from delivery.admin import pages
from delivery.admin.pages import Label
from delivery.db import clock
from delivery.models import WebhookCall, WebhookEndpoint, WebhookMessage

_SHOWN: Final = 30  # messages and calls on a page
_NAMED: Final = 3  # events of a line
_MOST: Final = 1_000  # counted exactly
COLOURS: Final = {
    "on": "success",
    "failing": "warning",
    "off": "",
    "switched off": "danger",
    "waiting": "info",
    "delivered": "success",
    "failed": "danger",
    "taken": "success",
    "not taken": "danger",
    "no answer": "danger",
}


def endpoint(row: WebhookEndpoint) -> dict[str, Any]:
    """Return the context of an endpoint's page."""
    return {
        "title": row.url,
        "state": _label(*state(row)),
        "facts": _facts(row),
        "events": row.events,
        "told": [_line(message) for message in row.messages.order_by("-id")[:_SHOWN]],
        "calls": [_call(call) for call in _newest(WebhookCall.objects.filter(endpoint=row))],
        "shown": _SHOWN,
    }


def message(row: WebhookMessage) -> dict[str, Any]:
    """Return the context of a message's page."""
    return {
        "title": row.kind,
        "state": _label(row.outcome, row.get_outcome_display().lower()),
        "data": json.dumps(row.data, indent=2, ensure_ascii=False),
        "times": [(name, pages.moment(when)) for name, when in _times(row) if when],
        "calls": [_call(call) for call in _newest(WebhookCall.objects.filter(message=row))],
        "email": row.data.get("email_id", "") if isinstance(row.data, dict) else "",
    }


def in_trouble(endpoints: QuerySet[WebhookEndpoint]) -> list[tuple[WebhookEndpoint, Label, str]]:
    """Return those of the endpoints that GoMail has switched off, or that take nothing; ten at most."""
    rows = endpoints.filter(deleted_at=None).defer("secret", "previous_secret")
    off = rows.filter(enabled=False).exclude(disabled_reason="")[:10]
    failing = rows.filter(enabled=True).exclude(failing_since=None)[:10]
    return [(row, _label(*state(row)), row.disabled_reason) for row in (*off, *failing)][:10]


def hears(row: WebhookEndpoint) -> str:
    """Return the first of its events, and how many there are beside."""
    if not row.events:
        return "everything"
    more = len(row.events) - _NAMED
    return ", ".join(row.events[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def state(row: WebhookEndpoint) -> tuple[str, str]:
    """Return the state of an endpoint, and its words."""
    if row.enabled:
        return ("failing", "takes nothing") if row.failing_since else ("on", "on")
    return ("switched off", "switched off") if row.disabled_reason else ("off", "off")


def answered(call: WebhookCall) -> tuple[str, str]:
    """Return whether a call was taken, and its status."""
    if call.status is None:
        return "no answer", "no answer"
    return ("taken" if 200 <= call.status < 300 else "not taken"), str(call.status)


def _label(value: str, text: str) -> Label:
    return Label(text=text, colour=COLOURS.get(value, ""))


def _newest(calls: QuerySet[WebhookCall]) -> QuerySet[WebhookCall]:
    return calls.select_related("message").order_by("-id")[:_SHOWN]


def _line(message: WebhookMessage) -> tuple[WebhookMessage, Label]:
    return message, _label(message.outcome, message.get_outcome_display().lower())


def _call(call: WebhookCall) -> tuple[WebhookCall, Label]:
    return call, _label(*answered(call))


def _facts(row: WebhookEndpoint) -> list[tuple[str, Any]]:
    until = row.previous_until
    facts = [
        ("Team", row.team or "emails sent without a key"),
        ("Description", row.description),
        ("Waiting", _waiting(row)),
        ("Takes nothing since", row.failing_since and pages.moment(row.failing_since)),
        ("Two secrets until", until and until > clock.now() and pages.moment(until)),
        ("Created", pages.moment(row.created_at)),
        ("Id", row.pk),
    ]
    return [(name, value) for name, value in facts if value]


def _waiting(row: WebhookEndpoint) -> str:
    found = row.messages.exclude(due_at=None).order_by()[: _MOST + 1].count()
    return f"{_MOST:,}+" if found > _MOST else f"{found:,}"


def _times(row: WebhookMessage) -> list[tuple[str, Any]]:
    return [("Happened", row.at), ("Next try", row.due_at), ("Finished", row.finished_at)]
