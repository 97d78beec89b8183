"""What the doctor says of webhooks that nobody posts, and of endpoints that do not take them."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from delivery.models import WebhookCall
from delivery.webhooks import endpoints
from tests.delivery.doctor.runs import found
from tests.delivery.webhooks.endpoints import endpoint, message

pytestmark = pytest.mark.django_db
LATE = Now() - timedelta(minutes=6)


def test_where_webhooks_are_posted_all_is_well() -> None:
    to = endpoint()
    message(to)
    message(to, due_at=Now() + timedelta(hours=5))
    endpoint(enabled=False)  # by a person

    assert (found()["webhooks"]["is_wrong"], found()["endpoints"]["count"]) == (False, 0)


def test_what_has_long_been_due_and_nobody_posts_is_wrong() -> None:
    to = endpoint()
    message(to, due_at=LATE)
    said = found()["webhooks"]

    assert (said["is_wrong"], said["examples"]) == (True, [f"{to.pk} {to.url}"])
    assert "manage.py worker" in said["todo"]


def test_an_endpoint_that_is_called_but_too_slow_is_a_note() -> None:
    to = endpoint()
    WebhookCall.objects.create(endpoint=to, message=message(to, due_at=LATE), status=200, ms=14_000)
    said = found()

    assert (said["webhooks"]["is_wrong"], said["webhooks"]["count"]) == (False, 0)
    assert (said["endpoints"]["is_wrong"], said["endpoints"]["is_note"]) == (False, True)


def test_what_waits_at_an_endpoint_that_is_off_is_not_late() -> None:
    message(endpoint(enabled=False), due_at=LATE)

    assert found()["webhooks"]["count"] == 0


def test_endpoints_that_gomail_switched_off_or_that_take_nothing_are_named() -> None:
    off, failing = endpoint(), endpoint(failing_since=timezone.now())
    endpoints.switch_off(off, "It answered 410 Gone.")
    said = found()["endpoints"]

    assert said["count"] == 2
    assert said["examples"] == [f"{row.pk} {row.url}" for row in (off, failing)]
