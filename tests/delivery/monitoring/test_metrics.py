"""What /metrics tells: how things are, by the database, and what was counted, whoever counted it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from delivery.db import clock, ids
from delivery.models import Circuit, Email, Incident, ProviderEvent, ProviderQuota, Suppression, Worker
from delivery.monitoring import incidents, metrics
from delivery.monitoring.incidents import Trouble
from delivery.queue import heartbeats
from tests import fakes
from tests.delivery.factories import queued
from tests.providers.fault_server import answer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]
# As the facts name them, with what is added.
COUNTERS = {
    "emails_accepted", "attempts", "events", "events_refused", "unknown_settled", "webhook_calls", "http_requests",
}  # fmt: skip
HISTOGRAMS = {
    "accept_duration_seconds", "attempt_duration_seconds", "event_lag_seconds", "http_request_duration_seconds",
}  # fmt: skip
GAUGES = {
    "build_info", "database_up", "queue_emails", "unknown_emails", "queue_oldest_seconds", "circuit_state",
    "provider_quota_used_ratio", "bounce_ratio", "workers_alive", "webhook_oldest_seconds", "incident_oldest_seconds",
    "suppressions",
}  # fmt: skip


def told() -> dict[str, float]:
    """Return all samples of this moment, named as in the text."""
    metrics.forget()
    families = text_string_to_metric_families(metrics.read().decode())
    return {_named(sample): sample.value for family in families for sample in family.samples}


def _named(sample: Any) -> str:
    labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
    return f"{sample.name.removeprefix('gomail_')}{{{labels}}}" if labels else sample.name[7:]


@contextmanager
def growing(**by: float) -> Iterator[None]:
    """Expect counters to have grown by so much."""
    before = told()
    yield
    after = told()
    assert {name: after.get(name, 0) - before.get(name, 0) for name in by} == by


def test_gauges_are_those_that_are_documented() -> None:
    families = {
        family.name: family.type for family in text_string_to_metric_families(metrics.read().decode())
    }
    named = {name.removeprefix("gomail_"): kind for name, kind in families.items()}
    assert {name for name, kind in named.items() if kind == "gauge"} == GAUGES
    assert {name for name, kind in named.items() if kind == "counter"} <= COUNTERS
    assert {name for name, kind in named.items() if kind == "histogram"} <= HISTOGRAMS


def test_a_send_is_counted_with_its_attempts(api: fakes.Api, ses: fakes.FakeVendor) -> None:
    ses.script(answer(503, {"message": "down"}))
    expected = {
        "emails_accepted_total{priority=normal}": 1.0,
        "accept_duration_seconds_count": 1.0,
        "attempts_total{outcome=accepted,provider=sendgrid}": 1.0,
        "attempt_duration_seconds_count{provider=ses}": 1.0,
    }
    with growing(**expected):
        assert api.send().status_code == 200


def test_a_batch_counts_each_of_its_emails(api: fakes.Api) -> None:
    one = {"from_address": "me@example.org", "to_addresses": "ann@example.org", "subject": "Hello"}
    with growing(**{"emails_accepted_total{priority=normal}": 3.0, "accept_duration_seconds_count": 1.0}):
        assert api.post("batches/", {"emails": [one, one, one]}).status_code in (200, 202)


def test_what_waits_is_told_by_its_status_and_by_the_age_of_the_oldest() -> None:
    now = clock.now()
    queued(due_at=now - timedelta(seconds=90), priority="high")
    queued(due_at=now + timedelta(seconds=90))
    queued(status=Email.Status.UNKNOWN, due_at=None, created_at=now - timedelta(hours=2))
    found = told()
    assert found["queue_emails{state=queued}"] == 2
    assert found["unknown_emails"] == found["queue_emails{state=unknown}"] == 1
    assert 90 <= found["queue_oldest_seconds{priority=high,state=due}"] < 120
    assert found["queue_oldest_seconds{priority=normal,state=due}"] == 0
    assert 7200 <= found["queue_oldest_seconds{priority=normal,state=unknown}"] < 7300


def test_providers_are_told_as_the_database_has_them() -> None:
    Circuit.objects.create(provider="ses", state=Circuit.State.OPEN)
    Circuit.objects.create(provider="ses", sender_domain="example.org", state=Circuit.State.OUT)
    ProviderQuota.objects.create(provider="ses", day=1000, used=250, told_at=clock.now())
    found = told()
    assert (found["circuit_state{provider=ses}"], found["circuit_state{provider=sendgrid}"]) == (2, 0)
    assert found["provider_quota_used_ratio{provider=ses}"] == 0.25


def test_a_bounce_ratio_is_told_of_enough_recipients_and_of_hard_bounces_alone() -> None:
    events(150, "delivered")
    events(30, "bounced", bounce="soft")
    assert "bounce_ratio{provider=ses}" not in told()
    events(50, "bounced", bounce="hard")
    assert told()["bounce_ratio{provider=ses}"] == 0.25


def events(number: int, kind: str, **fields: Any) -> None:
    common = {"account": "ses", "kind": kind, "state": "applied", "at": clock.now(), **fields}
    ProviderEvent.objects.bulk_create(
        ProviderEvent(key=str(ids.uuid7()).replace("-", ""), **common) for _ in range(number)
    )


def test_workers_suppressions_and_incidents_are_told() -> None:
    heartbeats.beat(threads=1)
    Suppression.objects.create(address="ann@example.org", kind=Suppression.Kind.MANUAL)
    incidents.open(Incident.Kind.ACCOUNT, Trouble(said="The account cannot send.", subject="ses"))
    Incident.objects.update(opened_at=clock.now() - timedelta(minutes=5))
    found = told()
    assert (found["workers_alive"], found["suppressions{kind=manual}"]) == (1, 1)
    assert found["incident_oldest_seconds{kind=account}"] >= 300
    Worker.objects.all().delete()
    assert told()["workers_alive"] == 0


def test_it_is_read_from_the_database_at_most_every_five_seconds(django_assert_num_queries: Any) -> None:
    told()
    with django_assert_num_queries(0):
        metrics.read()


def test_while_the_database_is_away_counters_are_told_all_the_same() -> None:
    metrics.forget()
    with connection.execute_wrapper(_broken):
        text = metrics.read().decode()
    assert "gomail_database_up 0.0" in text
    assert "gomail_emails_accepted_total" in text
    assert "gomail_queue_emails" not in text


def _broken(*_: Any) -> None:
    raise OperationalError("could not connect to server at 10.0.0.5, user gomail")


def test_no_label_holds_an_address_and_the_series_are_few(api: fakes.Api) -> None:
    api.send(to_addresses="ann.canary@example.org", subject="canary", tags=["canary"])
    text = metrics.read().decode()
    assert "canary" not in text
    assert "@" not in text
    assert len([line for line in text.splitlines() if not line.startswith("#")]) < 500


class TestWhoMayRead:
    """Nobody, unless the operator has said who."""

    def test_nobody_may_where_nothing_is_set(self) -> None:
        assert Client().get("/metrics").status_code == 404

    def test_a_token_opens_it_and_a_network_does_not_any_more(self, settings: Any) -> None:
        settings.METRICS_SECRET, settings.GOMAIL_METRICS_NETS = "canary-token", loopback()
        shown = Client().get("/metrics", headers={"Authorization": "Bearer canary-token"})
        assert (shown.status_code, shown["Content-Type"]) == (200, metrics.CONTENT_TYPE)
        assert Client().get("/metrics").status_code == 404
        assert Client().get("/metrics", headers={"Authorization": "Bearer é"}).status_code == 404

    def test_a_network_opens_it_for_its_clients(self, settings: Any) -> None:
        settings.GOMAIL_METRICS_NETS = loopback()
        assert Client().get("/metrics").status_code == 200
        assert Client(REMOTE_ADDR="10.9.9.9").get("/metrics").status_code == 404
        assert Client(REMOTE_ADDR="").get("/metrics").status_code == 404

    def test_whoever_comes_through_a_proxy_that_is_not_named_is_nobody_of_a_network(
        self, settings: Any
    ) -> None:
        settings.GOMAIL_METRICS_NETS = loopback()
        client = Client(headers={"X-Forwarded-For": "127.0.0.1"})
        assert client.get("/metrics").status_code == 404

    def test_nothing_can_be_posted(self, settings: Any) -> None:
        settings.GOMAIL_METRICS_NETS = loopback()
        assert Client().post("/metrics").status_code == 405


def loopback() -> Any:
    return (ip_network("127.0.0.0/8"),)
