"""Endpoints for the tests of webhooks."""

from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from delivery.models import WebhookEndpoint, WebhookMessage
from delivery.webhooks import calls, claims, listeners
from delivery.webhooks.calls import Made

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # the example of Standard Webhooks


def endpoint(**fields: Any) -> WebhookEndpoint:
    """Return an endpoint that is told of everything."""
    made = WebhookEndpoint.objects.create(**{"url": "https://hooks.example.org/", "secret": SECRET, **fields})
    listeners.forget()
    return made


def message(to: WebhookEndpoint, **fields: Any) -> WebhookMessage:
    """Return a message that has been due for a second."""
    given = {
        "kind": "email.sent",
        "data": {"email_id": "1"},
        "at": Now(),
        "due_at": Now() - timedelta(seconds=1),
    }
    made = WebhookMessage.objects.create(endpoint=to, **{**given, **fields})
    made.refresh_from_db()
    return made


def claimed(to: WebhookEndpoint, most: int = 100) -> list[WebhookMessage]:
    """Claim what is due there."""
    return claims.take({to.pk: most})


def posted(to: WebhookEndpoint) -> list[Made]:
    """Post all that is due there once, and write it down."""
    made = [calls.make(one) for one in claimed(to)]
    calls.record(made)
    return made


def due_now() -> None:
    """Let the time until the next tries pass."""
    WebhookMessage.objects.exclude(due_at=None).update(due_at=Now() - timedelta(seconds=1))
