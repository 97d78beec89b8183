"""Calls: what an endpoint gets, and what becomes of a message by each answer."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from standardwebhooks import Webhook

from delivery.models import WebhookCall, WebhookEndpoint, WebhookMessage
from delivery.webhooks import calls, claims, endpoints, post
from tests.delivery.webhooks.endpoints import SECRET, claimed, due_now, endpoint, message, posted
from tests.providers.fault_server import FaultServer, answer, closed_port, hang, redirect, reset

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 28, 12, 30, 0, 250_000, tzinfo=UTC)


@pytest.fixture
def to(receiver: FaultServer) -> WebhookEndpoint:
    return endpoint(url=f"{receiver.url}/hook")


def only() -> WebhookMessage:
    return WebhookMessage.objects.get()


def wait() -> float:
    """Return the seconds until the next try."""
    due = only().due_at
    assert due is not None
    return (due - datetime.now(UTC)).total_seconds()


def test_the_endpoint_gets_a_thin_signed_event(to: WebhookEndpoint, receiver: FaultServer) -> None:
    told = message(to, data={"email_id": "7", "recipient": "jörg@example.org"}, at=AT)
    posted(to)

    (got,) = receiver.received
    assert Webhook(SECRET).verify(got.body, dict(got.headers)) == {
        "type": "email.sent",
        "timestamp": "2026-11-28T12:30:00.250000Z",
        "data": {"email_id": "7", "recipient": "jörg@example.org"},
    }
    assert (got.path, got.headers["webhook-id"]) == ("/hook", str(told.pk))


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_delivers_it(status: int, to: WebhookEndpoint, receiver: FaultServer) -> None:
    receiver.script(answer(status))
    message(to)
    posted(to)

    assert (only().outcome, only().tries, only().due_at) == ("delivered", 1, None)
    assert only().finished_at is not None


@pytest.mark.parametrize(
    "fault",
    [answer(500), answer(404), answer(429), redirect("https://example.org/"), reset(), hang()],
    ids=["500", "404", "429", "redirect", "reset", "hang"],
)
def test_anything_else_has_it_tried_again_after_five_seconds(
    fault: Any, to: WebhookEndpoint, receiver: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "_SECONDS", 0.3)
    receiver.script(fault)
    message(to)
    posted(to)

    assert (only().outcome, only().tries) == ("waiting", 1)
    assert 4 < wait() < 6


def test_each_try_has_the_same_id_and_body_and_a_signature_of_its_own(
    to: WebhookEndpoint, receiver: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    receiver.script(answer(500), answer(503))
    message(to)
    for minutes in (-4, 0, 4):
        monkeypatch.setattr(calls.clock, "now", lambda at=now + timedelta(minutes=minutes): at)
        posted(to)
        due_now()

    assert len({(got.headers["webhook-id"], got.body) for got in receiver.received}) == 1
    assert len({got.headers["webhook-timestamp"] for got in receiver.received}) == 3
    for got in receiver.received:
        assert Webhook(SECRET).verify(got.body, dict(got.headers))


@pytest.mark.parametrize(
    ("asked", "least", "most"), [("120", 119, 121), ("1", 4, 6), ("999999", 86_399, 86_401), ("soon", 4, 6)]
)
def test_a_retry_after_is_kept_to_within_a_day(
    asked: str, least: float, most: float, to: WebhookEndpoint, receiver: FaultServer
) -> None:
    receiver.script(answer(429, headers={"Retry-After": asked}))
    message(to)
    posted(to)

    assert least <= wait() <= most


def test_after_the_last_try_it_has_failed(to: WebhookEndpoint, receiver: FaultServer, settings: Any) -> None:
    settings.GOMAIL_WEBHOOK_SCHEDULE = (0.0, 1.0, 1.0)
    receiver.default = answer(500)
    message(to)
    for _ in range(4):
        posted(to)
        due_now()

    assert (only().outcome, only().tries, only().due_at) == ("failed", 3, None)
    assert len(receiver.received) == 3


def test_no_url_is_logged_for_it_may_hold_a_key(
    receiver: FaultServer, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.GOMAIL_WEBHOOK_SCHEDULE = (0.0,)
    receiver.script(answer(500), hang(), answer(410))
    to = endpoint(url=f"{receiver.url}/hook?token=s3cret")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(post, "_SECONDS", 0.3)
        for _ in range(3):
            message(to)
            posted(to)

    assert caplog.text.count(str(to.pk)) == 3
    assert "s3cret" not in caplog.text


def test_410_switches_the_endpoint_off_at_once_and_says_why(
    to: WebhookEndpoint, receiver: FaultServer
) -> None:
    receiver.script(answer(410))
    message(to)
    posted(to)
    to.refresh_from_db()

    assert (only().outcome, to.enabled) == ("failed", False)
    assert to.disabled_reason == "It answered 410 Gone: it wants no more webhooks."


@pytest.mark.parametrize(("days", "enabled"), [(4.9, True), (5.1, False)])
def test_an_endpoint_is_switched_off_after_five_days_of_events_that_failed_all_tries(
    days: float, enabled: bool, to: WebhookEndpoint, receiver: FaultServer, settings: Any
) -> None:
    settings.GOMAIL_WEBHOOK_SCHEDULE = (0.0,)
    receiver.default = answer(500)
    WebhookEndpoint.objects.update(failing_since=Now() - timedelta(days=days))
    message(to)
    posted(to)
    to.refresh_from_db()

    assert to.enabled is enabled
    assert ("five days" in to.disabled_reason) is not enabled


def test_one_message_that_fails_for_good_begins_the_five_days_and_one_that_is_taken_ends_them(
    to: WebhookEndpoint, receiver: FaultServer, settings: Any
) -> None:
    settings.GOMAIL_WEBHOOK_SCHEDULE = (0.0,)
    receiver.script(answer(500), answer(200))
    message(to)
    posted(to)
    to.refresh_from_db()
    assert to.failing_since is not None

    message(to)
    posted(to)
    to.refresh_from_db()
    assert to.failing_since is None


def test_a_failed_try_alone_begins_nothing(to: WebhookEndpoint, receiver: FaultServer) -> None:
    receiver.script(answer(500))
    message(to)
    posted(to)
    to.refresh_from_db()

    assert to.failing_since is None


def test_each_call_is_logged_with_the_first_kib_of_the_answer(
    to: WebhookEndpoint, receiver: FaultServer
) -> None:
    receiver.script(answer(500, "nö\x00 " + "x" * 5000))
    told = message(to)
    posted(to)

    call = WebhookCall.objects.get()
    assert (call.message_id, call.endpoint_id, call.status) == (told.pk, to.pk, 500)
    assert call.answer.startswith("nö xxx")
    assert len(call.answer.encode()) <= 1024


def test_a_call_without_an_answer_says_why() -> None:
    to = endpoint(url=f"https://127.0.0.1:{closed_port()}/")
    message(to)
    posted(to)

    call = WebhookCall.objects.get()
    assert (call.status, only().outcome) == (None, "waiting")
    assert "GOMAIL_WEBHOOK_PORTS" in call.answer


def test_a_late_failure_changes_nothing_of_what_another_process_has_claimed(
    to: WebhookEndpoint, receiver: FaultServer
) -> None:
    receiver.script(answer(500))
    message(to)
    (slow,) = claimed(to)
    due_now()
    (fresh,) = claimed(to)
    calls.record([calls.make(slow)])

    assert (only().tries, only().epoch) == (0, fresh.epoch)
    assert 25 < wait() <= claims.LEASE.total_seconds()


def test_a_late_success_delivers_it_and_the_other_process_fails_in_vain(
    to: WebhookEndpoint, receiver: FaultServer
) -> None:
    receiver.script(answer(200), answer(500))
    message(to)
    (slow,) = claimed(to)
    due_now()
    (fresh,) = claimed(to)
    calls.record([calls.make(slow)])
    calls.record([calls.make(fresh)])

    assert (only().outcome, only().due_at) == ("delivered", None)


def test_after_a_rotation_both_secrets_verify_for_a_day(to: WebhookEndpoint, receiver: FaultServer) -> None:
    new = endpoints.rotate(to)
    message(to)
    posted(to)
    WebhookEndpoint.objects.update(previous_until=Now())
    message(to)
    posted(to)

    first, second = receiver.received
    assert Webhook(SECRET).verify(first.body, dict(first.headers))
    assert Webhook(new).verify(second.body, dict(second.headers))
    assert " " not in second.headers["webhook-signature"]


def test_any_number_of_deliveries_is_written_down_in_three_statements(
    to: WebhookEndpoint, django_assert_max_num_queries: Any
) -> None:
    for _ in range(50):
        message(to)
    made = [calls.make(one) for one in claimed(to)]
    with django_assert_max_num_queries(7):  # and savepoints
        calls.record(made)

    assert WebhookMessage.objects.filter(outcome="delivered").count() == 50
    assert json.loads(calls.content(made[0].message))["type"] == "email.sent"
