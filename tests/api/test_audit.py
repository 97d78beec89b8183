"""audit/: who did what, shown to the own team alone."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from delivery.access import actor, audit, audit_log, keys
from delivery.access.actor import Actor
from delivery.access.scopes import Scope
from delivery.db import clock
from delivery.models import ApiKey, AuditEntry, Team
from tests import fakes


@pytest.fixture
def token(db: None) -> str:
    """A key of the table alone: no entry tells of its making."""
    public_id, token = keys.new_token()
    team, _ = Team.objects.get_or_create(name="tests")
    ApiKey.objects.create(team=team, public_id=public_id, digest=keys.digest(token), scopes=Scope.values)
    return token


ADA = Actor(kind="member", id="7", name="ada", address="192.0.2.1", request_id="r-1")


def done(
    team: str | None, action: str = "key.paused", id: object = "abcdefgh", *, by: Actor = ADA, **what: Any
) -> str:
    """Have something recorded; return the entry's id."""
    whose = Team.objects.get_or_create(name=team)[0] if team else None
    with actor.acting(by), transaction.atomic():
        audit.record(action, action.partition(".")[0], id, team=whose, **what)
    return str(AuditEntry.objects.latest("id").pk)


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


def lines(answer: Any) -> list[Any]:
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/x-ndjson; charset=utf-8")
    return [json.loads(line) for line in answer.getvalue().decode().splitlines()]


def test_an_entry_has_the_shape_of_the_contract(api: fakes.Api) -> None:
    id = done("tests", before={"paused": False}, after={"paused": True})
    (row,) = api.get("audit/").json()["results"]
    assert row.pop("at").endswith("Z")
    assert row == {
        "id": id,
        "actor": {"kind": "member", "id": "7", "name": "ada"},
        "address": "192.0.2.1",
        "action": "key.paused",
        "object": {"kind": "key", "id": "abcdefgh"},
        "before": {"paused": False},
        "after": {"paused": True},
        "request_id": "r-1",
    }


def test_what_has_no_address_and_no_request_says_null(api: fakes.Api) -> None:
    done("tests", by=actor.SYSTEM)
    (row,) = api.get("audit/").json()["results"]
    assert [row["address"], row["request_id"], row["before"], row["after"]] == [None] * 4
    assert row["actor"] == {"kind": "system", "id": "", "name": "GoMail"}


def test_only_the_own_teams_are_shown_and_exported(api: fakes.Api) -> None:
    mine = done("tests")
    done("another team")
    done(None)
    assert ids(api.get("audit/")) == [mine]
    assert [row["id"] for row in lines(api.get("audit/", format="jsonl"))] == [mine]


def test_it_needs_a_key_of_its_scope(db: None, settings: Any) -> None:
    token = keys.issue("tests", scopes=["emails.read"])[1]
    answer = fakes.Api(Client(), token).get("audit/")
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    settings.API_KEY_REQUIRED = False
    done(None)
    answer = Client().get(reverse("audit"))
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"actor": "7"}, "ab"),
        ({"actor": "ada"}, "ab"),
        ({"actor": "gm_live_k3yk3yk3_…"}, "c"),
        ({"action": "key.paused"}, "a"),
        ({"action": "key"}, "ac"),
        ({"action": "ke"}, ""),
        ({"object": "gm_live_abcdefgh"}, "ac"),
        ({"object": "bob@example.org"}, "b"),
        ({"actor": "7", "action": "key"}, "a"),
        ({"actor": "eve"}, ""),
    ],
)
def test_the_filters(api: fakes.Api, parameters: dict[str, str], found: str) -> None:
    by_key = Actor(kind="key", id="k3yk3yk3", name="shop")
    names = {
        done("tests"): "a",
        done("tests", "suppression.added", "bob@example.org"): "b",
        done("tests", "key.created", by=by_key): "c",
    }
    shown = "".join(names[id] for id in reversed(ids(api.get("audit/", **parameters))))
    exported = lines(api.get("audit/", format="jsonl", **parameters))
    assert (shown, "".join(names[row["id"]] for row in reversed(exported))) == (found, found)


def test_a_time_is_asked_for_from_since_on_and_before_until(api: fakes.Api) -> None:
    id = done("tests")
    now, hour = clock.now(), timedelta(hours=1)
    assert ids(api.get("audit/", since=(now - hour).isoformat(), until=(now + hour).isoformat())) == [id]
    assert ids(api.get("audit/", since=(now + hour).isoformat())) == []
    assert ids(api.get("audit/", until=(now - hour).isoformat())) == []


def test_pages_go_by_cursor_and_stay_whole_while_entries_come(api: fakes.Api) -> None:
    old = [done("tests") for _ in range(5)]
    first = api.get("audit/", page_size=2).json()
    done("tests")
    second = api.client.get(first["next"], headers=api.headers).json()
    third = api.client.get(second["next"], headers=api.headers).json()
    seen = [row["id"] for page in (first, second, third) for row in page["results"]]
    assert (seen, third["next"]) == (old[::-1], None)


def test_an_export_goes_on_where_the_last_one_ended(api: fakes.Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_log, "MOST", 2)
    monkeypatch.setattr(audit_log, "_AT_ONCE", 1)
    old = [done("tests", after={"name": "ä\n"}) for _ in range(5)]
    first = lines(api.get("audit/", format="jsonl"))
    rest = lines(api.get("audit/", format="jsonl", before=first[-1]["id"]))
    last = lines(api.get("audit/", format="jsonl", before=rest[-1]["id"]))
    assert [row["id"] for row in first + rest + last] == old[::-1]
    assert first[0]["after"] == {"name": "ä\n"}
    assert lines(api.get("audit/", format="jsonl", before=last[-1]["id"])) == []


@pytest.mark.parametrize(
    "parameters",
    [{"format": "csv"}, {"before": "x"}, {"since": "yesterday"}, {"who": "ada"}, {"cursor": "x"}, {"actor": "\x00"}],
)  # fmt: skip
def test_a_bad_parameter_is_refused(api: fakes.Api, parameters: dict[str, str]) -> None:
    assert api.get("audit/", **parameters).status_code == 400


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_it_is_read_only(api: fakes.Api, method: str) -> None:
    done("tests")
    answer = getattr(api.client, method)(reverse("audit"), headers=api.headers)
    assert (answer.status_code, AuditEntry.objects.count()) == (405, 1)
