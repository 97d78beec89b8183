"""Pruning of webhooks: what is finished goes after thirty days with its calls, what may still be posted stays."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from delivery.db import ids
from delivery.models import WebhookCall, WebhookEndpoint, WebhookMessage
from delivery.webhooks import endpoints
from tests.delivery.webhooks.endpoints import endpoint, message

pytestmark = pytest.mark.django_db


def told(to: WebhookEndpoint, *, days: float, finished: float | None = None, **fields: Any) -> WebhookMessage:
    """Return a message that was written so many days ago, and finished so many days ago."""
    now = timezone.now()
    over = {} if finished is None else {"due_at": None, "finished_at": now - timedelta(days=finished)}
    one = message(to, pk=ids.at(now - timedelta(days=days)), **over, **fields)
    WebhookCall.objects.create(endpoint=to, message=one, ms=1)
    return one


def prune(*arguments: str) -> str:
    out = StringIO()
    call_command("prune", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def left() -> set[Any]:
    return set(WebhookMessage.objects.values_list("pk", flat=True))


def test_what_was_finished_thirty_days_ago_goes_with_its_calls() -> None:
    to = endpoint()
    told(to, days=40, finished=31)
    young, replayed = told(to, days=5, finished=5), told(to, days=40, finished=2)

    assert "Webhooks: 1 would be deleted." in prune("--dry-run")
    assert "Webhooks: 1 deleted." in prune()
    assert left() == {young.pk, replayed.pk}
    assert set(WebhookCall.objects.values_list("message", flat=True)) == left()


def test_what_waits_stays_unless_its_endpoint_has_been_off_for_so_long() -> None:
    waiting = told(endpoint(), days=40)
    told(endpoint(enabled=False), days=40)
    young = told(endpoint(enabled=False), days=20)
    prune()

    assert left() == {waiting.pk, young.pk}


def test_a_deleted_endpoint_goes_after_thirty_days_and_with_the_last_of_its_messages() -> None:
    old, young, full = endpoint(), endpoint(), endpoint()
    for row in (old, young, full):
        endpoints.delete(row)
    WebhookEndpoint.objects.filter(pk__in=[old.pk, full.pk]).update(
        deleted_at=timezone.now() - timedelta(days=31)
    )
    told(full, days=29)
    prune()

    assert set(WebhookEndpoint.objects.values_list("pk", flat=True)) == {young.pk, full.pk}


def test_the_secrets_of_a_deleted_endpoint_are_gone_at_once() -> None:
    row = endpoint(previous_secret="whsec_before")
    endpoints.delete(row)
    row.refresh_from_db()

    assert (row.secret, row.previous_secret) == ("", "")
