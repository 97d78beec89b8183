"""Endpoints for the tests of webhooks."""

from typing import Any

from delivery.models import WebhookEndpoint
from delivery.webhooks import listeners

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # the example of Standard Webhooks


def endpoint(**fields: Any) -> WebhookEndpoint:
    """Return an endpoint that is told of everything."""
    made = WebhookEndpoint.objects.create(**{"url": "https://hooks.example.org/", "secret": SECRET, **fields})
    listeners.forget()
    return made
