"""What each process looks up once a second is read by compiled statements as by plain ORM code."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, models
from django.db.models import Q
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from delivery.access import keys
from delivery.library import signatures
from delivery.models import ApiKey, Circuit, Email, Limits, ProviderQuota, Signature, Team, WebhookEndpoint
from delivery.models.suppression import Suppression
from delivery.routing import circuit_cache, quotas
from delivery.submission import backpressure
from delivery.suppressions import screening
from delivery.webhooks import listeners
from tests.delivery.factories import queued
from tests.delivery.reads import READS

pytestmark = pytest.mark.django_db


def columns(row: models.Model | None) -> list[Any] | None:
    return row and [getattr(row, field.attname) for field in row._meta.concrete_fields]


@pytest.fixture
def teams() -> list[Team]:
    return [Team.objects.create(name=name) for name in ("shop", "school")]


def test_a_live_key_comes_with_its_team_and_their_limits(teams: list[Team]) -> None:
    made = [keys.issue(team, scopes=["send"], from_addresses=["@example.org"])[0] for team in teams]
    Limits.objects.create(team=teams[0], daily=9)
    waiting_of = Limits.objects.create(key=made[1], waiting=8)
    ApiKey.objects.filter(pk=made[0].pk).update(limited_as=made[1])
    for key in made:
        with CaptureQueriesContext(connection) as captured:
            (read,) = keys._LIVE.run([key.public_id])
            daily, waiting = (getattr(of, "limits", None) for of in (read.team, read))
            shared = read.limited_as and read.limited_as.limits
        plain = ApiKey.objects.get(pk=key.pk)
        assert (columns(read), columns(read.team)) == (columns(plain), columns(plain.team))
        assert columns(daily) == columns(Limits.objects.filter(team=key.team_id).first())
        assert columns(waiting) == columns(Limits.objects.filter(key=key.pk).first())
        assert columns(shared) == (columns(waiting_of) if key == made[0] else None)
        assert len(captured) == 1


def test_a_key_that_is_revoked_is_not_read(teams: list[Team]) -> None:
    key, _ = keys.issue(teams[0], scopes=["send"])
    key.revoke()
    assert keys._LIVE.run([key.public_id]) == []


@pytest.mark.parametrize("most", [1, 2, 3, 100])
def test_what_is_due_is_counted_up_to_a_limit(most: int, teams: list[Team]) -> None:
    queued(status="sent", due_at=None)
    for _ in range(2):
        queued()
    Team.objects.filter(pk=teams[0].pk).update(paused_at=timezone.now())
    queued(team=teams[0])
    assert backpressure._DUE.run(most=most) == Email.objects.due().values("pk")[:most].count() == min(most, 2)


@pytest.mark.parametrize("names", [[], ["example.org", "ann@example.org"]])
def test_the_circuits_of_a_sender_are_read(names: Sequence[str]) -> None:
    soon = timezone.now() + timedelta(minutes=1)
    for domain, until in (
        ("", None),
        ("example.org", soon),
        ("example.com", soon),
        ("ann@example.org", soon),
    ):
        Circuit.objects.create(provider="ses", sender_domain=domain, retry_at=until)
    over = timezone.now() - timedelta(seconds=1)  # SQLite's clock counts milliseconds
    Circuit.objects.create(provider="mailgun", sender_domain="example.org", retry_at=over)
    applying = Q(sender_domain="") | Q(sender_domain__in=names, retry_at__gt=Now())
    plain = Circuit.objects.filter(applying)
    assert sorted(map(columns, circuit_cache._APPLYING.run(names))) == sorted(map(columns, plain))
    assert plain.count() == 1 + len(names)


def test_the_quota_of_a_provider_is_read() -> None:
    for provider, told_at in (("ses", timezone.now()), ("mailgun", None)):
        ProviderQuota.objects.create(
            provider=provider, every=7, day=50, used=9, taken=5, counted=2, told_at=told_at
        )
    assert quotas.read("ses") == quotas.Reading(next_at=0, every=7, day=50, used=12)
    assert (quotas.read("mailgun"), quotas.read("smtp")) == (None, None)


def test_the_endpoints_that_listen_are_read(teams: list[Team]) -> None:
    for team, fields in ((teams[0], {}), (None, {"events": ["email.sent"]}), (None, {"enabled": False})):
        WebhookEndpoint.objects.create(url="https://hooks.example.org/", team=team, **fields)
    plain = WebhookEndpoint.objects.filter(enabled=True, deleted_at=None).order_by("pk")
    assert list(map(tuple, listeners._LISTENING.run())) == list(plain.values_list("pk", "team_id", "events"))
    assert plain.count() == 2


def test_the_teams_with_signatures_are_read(teams: list[Team]) -> None:
    for team, enabled in ((teams[0], True), (teams[0], True), (None, True), (teams[1], False)):
        Signature.objects.create(
            team=team, name="s", match="from_domain", match_value="example.org", html="x", enabled=enabled
        )
    assert signatures._teams(0) == {teams[0].pk, None}


def test_whether_anybody_is_suppressed_is_read() -> None:
    assert not screening._ANY.run()
    Suppression.objects.create(address="bob@example.org", kind="manual", scope="all")
    assert len(screening._ANY.run()) == 1


@pytest.mark.parametrize("name", READS)
def test_it_is_one_statement(name: str) -> None:
    with CaptureQueriesContext(connection) as captured:
        assert not READS[name]()
    assert len(captured) == 1
