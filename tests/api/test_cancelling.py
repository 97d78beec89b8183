"""All that waits and matches is cancelled with one request, and counted before."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from delivery.access import keys
from delivery.db import pieces
from delivery.models import ApiKey, Email, Recipient, Team
from delivery.sending import rounds
from tests import fakes
from tests.delivery.factories import queued

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]


def later(api: fakes.Api, **fields: Any) -> str:
    at = (timezone.now() + timedelta(hours=1)).isoformat()
    answer = api.send(send_at=at, **fields)
    assert answer.status_code == 202
    return str(answer.json()["id"])


def cancel(api: fakes.Api, *, dry_run: bool = False, **wanted: Any) -> Any:
    return api.post("emails/cancel/", {"filter": wanted, "dry_run": dry_run})


def statuses() -> list[str]:
    return sorted(Email.objects.values_list("status", flat=True))


@pytest.mark.parametrize(
    "wanted",
    [
        {"tag": "spring"},
        {"sender": "Shop@Example.org"},
        {"sender": "@shop.example.org"},
        {"recipient": "Eve@example.org"},
        {"recipient": "eve@example.org", "tag": "spring"},
    ],
    ids=str,
)
def test_what_matches_is_cancelled_and_nothing_else(api: fakes.Api, wanted: dict[str, str]) -> None:
    sender = "me@shop.example.org" if wanted.get("sender") == "@shop.example.org" else "shop@example.org"
    later(api, from_address=sender, to_addresses=["eve@example.org", "bob@example.org"], tags=["spring"])
    later(api)
    counted, done = cancel(api, dry_run=True, **wanted), cancel(api, **wanted)

    assert (counted.json()["count"], counted.json()["dry_run"]) == (1, True)
    assert (done.status_code, done.json()["count"], done.json()["dry_run"]) == (200, 1, False)
    assert statuses() == ["cancelled", "scheduled"]
    assert set(Recipient.objects.values_list("status", flat=True)) == {"cancelled", "pending"}
    assert cancel(api, **wanted).json()["count"] == 0


def test_a_dry_run_cancels_nothing(api: fakes.Api) -> None:
    later(api, tags=["spring"])
    cancel(api, dry_run=True, tag="spring")
    assert statuses() == ["scheduled"]


def test_the_emails_of_one_key_are_cancelled(api: fakes.Api) -> None:
    other = fakes.Api(Client(), keys.issue("tests", scopes=["send"])[1])
    later(api)
    later(other)
    public_id = other.token.split("_")[2]
    assert cancel(api, key=f"gm_live_{public_id}").json()["count"] == 1
    assert Email.objects.get(status="cancelled").key == ApiKey.objects.get(public_id=public_id)


def test_a_range_of_times_has_its_beginning_and_not_its_end(api: fakes.Api) -> None:
    later(api)
    at = Email.objects.get().created_at
    assert cancel(api, created_after=(at + timedelta(seconds=1)).isoformat()).json()["count"] == 0
    assert cancel(api, created_before=at.isoformat()).json()["count"] == 0
    until = (at + timedelta(seconds=1)).isoformat()
    assert cancel(api, created_after=at.isoformat(), created_before=until).json()["count"] == 1


@pytest.mark.parametrize(
    "body", [{}, {"filter": {}}, {"filter": {"tag": ""}}, {"filter": {"key": "gm_live_"}}]
)
def test_an_empty_filter_is_refused(api: fakes.Api, body: Any) -> None:
    later(api)
    assert api.post("emails/cancel/", body).status_code == 400
    assert statuses() == ["scheduled"]


@pytest.mark.parametrize(
    "body",
    [
        {"filter": {"tags": "spring"}},
        {"filter": {"tag": "spring", "recipient": ""}},
        {"filter": {"tag": "spring", "created_before": None}},
        {"filter": {"recipient": "nobody"}},
        {"filter": {"sender": "@"}},
        {"filter": {"tag": 5}},
        {"filter": {"created_after": "yesterday"}},
        {"filter": {"tag": "spring"}, "dry_run": "no"},
        {"filter": []},
    ],
    ids=str,
)
def test_a_filter_that_is_not_understood_is_refused(api: fakes.Api, body: Any) -> None:
    later(api, tags=["spring"])
    assert api.post("emails/cancel/", body).status_code == 400
    assert statuses() == ["scheduled"]


def test_another_teams_emails_are_not_touched(api: fakes.Api) -> None:
    later(api, tags=["spring"])
    other = fakes.Api(Client(), keys.issue("forum", scopes=["send"])[1])
    assert cancel(other, tag="spring").json()["count"] == 0


def test_a_key_cancels_nothing_that_it_could_not_have_sent(api: fakes.Api) -> None:
    later(api, tags=["spring"])
    later(api, tags=["spring"], from_address="shop@example.org", purpose="essential")
    later(api, tags=["spring"], from_address="shop@example.org")
    narrow = fakes.Api(Client(), keys.issue("tests", scopes=["send"], from_addresses=["shop@example.org"])[1])
    assert cancel(narrow, tag="spring").json()["count"] == 1


def test_what_is_sent_stays_sent_and_what_is_unknown_is_not_sent_again(api: fakes.Api) -> None:
    team = Team.objects.get()
    rounds.dispatch(queued(team=team).pk)
    doubted = queued(team=team, status="unknown")
    queued(team=team, status="sending", due_at=None)
    assert cancel(api, sender="ann@example.org").json()["count"] == 1
    assert statuses() == ["sending", "sent", "unknown"]
    doubted.refresh_from_db()
    assert doubted.due_at is None


def test_more_than_one_piece_is_cancelled(api: fakes.Api, monkeypatch: Any) -> None:
    monkeypatch.setattr(pieces, "_AT_ONCE", 2)
    for _ in range(5):
        later(api, tags=["spring"])
    assert cancel(api, tag="spring").json()["count"] == 5


def test_a_key_that_only_reads_cancels_nothing(db: None) -> None:
    reader = fakes.Api(Client(), keys.issue("tests", scopes=["read"])[1])
    assert cancel(reader, tag="spring").status_code == 403
