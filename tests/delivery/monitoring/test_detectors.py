"""What counts as a trouble, by what is on record; each is over when it is true no more."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from delivery import process
from delivery.db import clock, ids
from delivery.models import (
    Circuit,
    DrillResult,
    Email,
    Incident,
    Lineage,
    ProviderEvent,
    ProviderQuota,
    Suppression,
    Team,
    WebhookEndpoint,
    Worker,
)
from delivery.monitoring import detectors, machines
from delivery.queue import heartbeats
from delivery.routing import circuits
from tests.delivery.factories import queued, under_way
from tests.delivery.webhooks.endpoints import endpoint

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]
BY_KIND = {detector.kind: detector for detector in detectors.DETECTORS}


def seen(kind: str) -> dict[str, str]:
    """Look for one kind; return what is said of the open incidents, by their subjects."""
    BY_KIND[Incident.Kind(kind)].look()
    rows = Incident.objects.filter(kind=kind, closed_at=None)
    return dict(rows.order_by("subject").values_list("subject", "said"))


def shut(provider: str, trouble: str, state: str = "open") -> None:
    fields = {"state": state, "trouble": trouble, "reason": "bob@example.org is bad", "retry_at": clock.now()}
    Circuit.objects.update_or_create(provider=provider, sender_domain="", defaults=fields)


def test_every_kind_is_looked_for() -> None:
    assert set(BY_KIND) == set(Incident.Kind)
    assert len(detectors.DETECTORS) == len(BY_KIND)


def test_nothing_is_wrong_with_an_installation_that_has_just_begun() -> None:
    heartbeats.beat(threads=1)
    machines.report()
    assert {kind: seen(kind) for kind in BY_KIND if seen(kind)} == {}


def test_a_provider_that_fails_and_an_account_that_cannot_send_are_two_kinds() -> None:
    shut("ses", "failing")
    assert seen("circuit") == {
        "ses": "ses fails or is slow. It is tried again by itself. Mail goes by sendgrid."
    }
    shut("ses", "account")
    assert seen("circuit") == {}
    assert "bob" not in seen("account")["ses"]
    shut("ses", "account", "probing")
    shut("sendgrid", "failing")
    assert seen("account")["ses"].startswith("The account of ses cannot send.")
    assert seen("circuit")["sendgrid"].endswith("No provider is in use: mail is kept, and waits.")
    shut("ses", "account", "closed")
    assert seen("account") == {}


def test_what_a_person_took_out_and_a_refused_sender_are_no_trouble() -> None:
    circuits.take_out("ses", by="ann")
    circuits.report_sender("sendgrid", "example.org", "not verified", clock.now())
    Circuit.objects.create(provider="left-out", state="open", trouble="failing", retry_at=clock.now())

    assert (seen("circuit"), seen("account")) == ({}, {})


def test_a_day_that_will_be_used_up_within_hours_is_told() -> None:
    told: dict[str, Any] = {"told_at": clock.now(), "day": 10_000, "used": 9_000}
    row = ProviderQuota.objects.create(provider="ses", pace=0.2, **told)
    assert "9,000 of 10,000 recipients of 24 hours are used; at the pace" in seen("quota")["ses"]
    ProviderQuota.objects.filter(pk=row.pk).update(used=100)
    assert seen("quota") == {}
    ProviderQuota.objects.filter(pk=row.pk).update(used=10_000, pace=0.0)
    assert list(seen("quota")) == ["ses"]


@pytest.mark.parametrize(("priority", "minutes"), [("high", 2), ("normal", 10)])
def test_an_email_that_has_been_due_for_too_long_is_told(priority: str, minutes: int) -> None:
    due_at = clock.now() - timedelta(minutes=minutes - 1)
    email = queued(priority=priority, due_at=due_at)
    assert seen("oldest") == {}
    Email.objects.filter(pk=email.pk).update(due_at=due_at - timedelta(minutes=2))
    assert seen("oldest") == {
        priority: f"An email of priority {priority} has been due for {minutes + 1} minutes: workers do not keep up."
    }
    Email.objects.filter(pk=email.pk).update(status="sent", due_at=None)
    assert seen("oldest") == {}


def test_what_waits_for_a_paused_team_is_not_late() -> None:
    team = Team.objects.create(name="shop", paused_at=timezone.now())
    queued(team=team, due_at=clock.now() - timedelta(hours=1))

    assert seen("oldest") == {}


def test_emails_that_only_a_person_can_settle_are_counted() -> None:
    for due_at in (None, None, clock.now()):
        under_way(status="unknown", due_at=due_at)
    assert seen("unknown")[""].startswith("Of 2 emails it is not known whether they were sent")
    Email.objects.filter(pk=Email.objects.filter(due_at=None)[0].pk).update(status="sent")
    Incident.objects.all().delete()
    assert seen("unknown")[""].startswith("Of 1 email it is not known whether it was sent")
    Email.objects.update(status="sent")
    assert seen("unknown") == {}


def test_an_account_whose_events_have_ended_is_told(settings: Any) -> None:
    settings.PROVIDER_SECRETS = {**settings.PROVIDER_SECRETS, "SENDGRID_EVENTS_PUBLIC_KEY": "key"}
    old = ids.at(clock.now() - timedelta(minutes=21))
    attempt = under_way(outcome="accepted", provider="sendgrid", status="sent")
    type(attempt).objects.filter(pk=attempt.pk).update(id=old)
    assert list(seen("events")) == ["sendgrid"]
    ProviderEvent.objects.create(account="sendgrid", kind="delivered", key="0" * 64, at=clock.now())
    assert seen("events") == {}


def test_an_endpoint_that_was_switched_off_is_told_and_one_that_a_person_switched_off_is_not() -> None:
    team = Team.objects.create(name="shop")
    off = endpoint(team=team, enabled=False, disabled_reason="It has taken nothing for five days.")
    endpoint(team=team, enabled=False)
    assert list(seen("webhook")) == [str(team.pk)]
    assert "a webhook endpoint of the team shop" in seen("webhook")[str(team.pk)]
    WebhookEndpoint.objects.filter(pk=off.pk).update(enabled=True, disabled_reason="")
    assert seen("webhook") == {}


def test_many_endpoints_of_one_team_hide_no_other_teams() -> None:
    shop, club = Team.objects.create(name="shop"), Team.objects.create(name="club")
    off = {"url": "https://hooks.example.org/", "enabled": False, "disabled_reason": "It answered 410 Gone."}
    WebhookEndpoint.objects.bulk_create(WebhookEndpoint(team=shop, **off) for _ in range(101))
    endpoint(team=club, **off)
    endpoint(**off)
    assert list(seen("webhook")) == ["", str(shop.pk), str(club.pk)]
    assert "101 webhook endpoints of the team shop" in seen("webhook")[str(shop.pk)]


def test_what_went_into_quarantine_is_told_for_a_day() -> None:
    email = queued(status="quarantined", due_at=None, finished_at=clock.now())
    assert seen("quarantine")[""].startswith("Within a day 1 email ended each process that had it, and is in")
    Email.objects.filter(pk=email.pk).update(finished_at=F("finished_at") - timedelta(hours=25))
    assert seen("quarantine") == {}


def worker(host: str, *, seen: float = 0, started: float = 0, **fields: Any) -> None:
    """Make a worker that was seen, and has started, so many seconds ago."""
    now = clock.now()
    moments = {"seen_at": now - timedelta(seconds=seen), "started_at": now - timedelta(seconds=started)}
    Worker.objects.create(pk=ids.uuid7(), host=host, pid=1, threads=1, **moments, **fields)


def test_a_worker_that_went_without_a_word_is_told_until_another_has_started() -> None:
    worker("one", started=1000)
    worker("two", seen=30, started=1000)
    assert seen("worker") == {}
    worker("three", seen=61, started=1000)
    worker("four", seen=61, started=1000, stopped_at=clock.now())
    assert list(seen("worker")) == ["three"]
    assert seen("worker")["three"].endswith("2 others are running.")
    worker("five")
    assert seen("worker") == {}


def test_one_other_worker_is_one() -> None:
    worker("one", started=1000)
    worker("two", seen=61, started=1000)
    assert seen("worker")["two"].endswith("1 other is running.")


def suppressed(team: Team, count: int, minutes: float, kind: str = "hard_bounce") -> None:
    at = clock.now() - timedelta(minutes=minutes)
    rows = [
        Suppression(id=ids.at(at), team=team, address=f"{ids.uuid7()}@x.example", kind=kind)
        for _ in range(count)
    ]
    Suppression.objects.bulk_create(rows)


def test_many_more_suppressions_than_the_day_before_are_told() -> None:
    team, busy = (Team.objects.create(name=name) for name in ("shop", "busy"))
    suppressed(team, 49, 10)
    suppressed(team, 100, 10, "unsubscribe")
    assert seen("suppressions") == {}
    suppressed(team, 1, 5)
    suppressed(busy, 60, 10)
    suppressed(busy, 400, 300)  # 17 an hour
    assert list(seen("suppressions")) == [str(team.pk)]
    assert "50 addresses of the team shop" in seen("suppressions")[str(team.pk)]
    Suppression.objects.filter(team=team, kind="hard_bounce").delete()
    assert seen("suppressions") == {}


def test_a_provider_that_did_not_carry_the_drill_is_told_until_it_does() -> None:
    DrillResult.objects.create(provider="sendgrid", carries=False)
    DrillResult.objects.create(provider="gone", carries=False)
    assert list(seen("drill")) == ["sendgrid"]
    DrillResult.objects.update(carries=True)
    assert seen("drill") == {}


def test_what_is_wrong_with_a_machine_is_told_by_its_workers_alone(settings: Any, monkeypatch: Any) -> None:
    heartbeats.beat(threads=1)
    settings.GOMAIL_DISK_MIN_MB = 10**9
    settings.CLAMD_URL = "tcp://127.0.0.1:1"
    monkeypatch.setattr(clock, "ahead", lambda: 60.0)
    machines.report()
    machine = Worker.objects.get(pk=process.identity()).host
    monkeypatch.undo()  # another machine looks

    assert "nearly full" in seen("disk")[machine]
    assert "does not reach clamd" in seen("scanner")[machine]
    assert "60 s ahead of the database's" in seen("clock")[machine]
    settings.GOMAIL_DISK_MIN_MB, settings.CLAMD_URL = 0, ""
    machines.report()
    assert [seen(kind) for kind in ("disk", "scanner", "clock")] == [{}, {}, {}]


def test_an_older_state_of_the_database_is_told() -> None:
    Lineage.objects.update_or_create(pk=1, defaults={"held_before": clock.now()})
    assert list(seen("restore")) == [""]
    Lineage.objects.update(held_before=None)
    assert seen("restore") == {}


def test_a_kind_that_cannot_be_looked_for_closes_nothing(monkeypatch: Any) -> None:
    shut("ses", "account")
    seen("account")
    monkeypatch.setattr(detectors, "_left_alone", lambda trouble: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        seen("account")

    assert Incident.objects.get().is_open
