"""keys/: a team's keys, made and changed with one of them, and none that may more than its maker."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from delivery.access import key_use, keys
from delivery.db import clock as database_clock
from delivery.models import ApiKey, Email, Mailing, Member, Team
from tests import fakes

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]
ALL = ("emails.send", "emails.read", "keys.read", "keys.write")


def api(team: str = "shop", **fields: Any) -> fakes.Api:
    """Return a client with a key that may send, read, and make keys."""
    return fakes.Api(Client(), keys.issue(team, **{"scopes": ALL, **fields})[1])


def made(by: fakes.Api, status: int = 201, **fields: Any) -> Any:
    answer = by.post("keys/", {"scopes": ["emails.read"], **fields})
    assert answer.status_code == status, answer.content
    return answer.json()


def patch(by: fakes.Api, key: str, **fields: Any) -> Any:
    path = f"{fakes.V1}keys/{key}/"
    return by.client.patch(path, fields, content_type="application/json", headers=by.headers)


def delete(by: fakes.Api, key: str, query: str = "") -> Any:
    return by.client.delete(f"{fakes.V1}keys/{key}/{query}", headers=by.headers)


def using(token: str, **extra: Any) -> Any:
    return Client(**extra).get(fakes.V1 + "emails/", headers={"Authorization": f"Bearer {token}"})


def later(by: fakes.Api, number: int) -> None:
    """Leave so many emails for a worker."""
    for _ in range(number):
        answer = by.client.post(
            fakes.V1 + "send-email/",
            {"to_addresses": "ann@example.org", "from_address": "me@example.org"},
            content_type="application/json",
            headers={**by.headers, "Prefer": "respond-async"},
        )
        assert answer.status_code == 202


# Made, listed, changed.


def test_a_key_is_made_and_its_token_is_shown_once() -> None:
    maker = api()
    told = made(
        maker,
        name="web shop",
        note="of the new site",
        from_addresses=["Shop@EXAMPLE.org", "@example.com"],
        networks=["192.0.2.7", "2001:db8::/32"],
    )
    assert told["from_addresses"] == ["shop@example.org", "@example.com"]
    assert told["networks"] == ["192.0.2.7/32", "2001:db8::/32"]
    assert (told["name"], told["note"], told["scopes"]) == ("web shop", "of the new site", ["emails.read"])
    assert keys.find(told["token"])
    shown = maker.get(f"keys/{told['id']}/")
    assert (shown.json()["name"], shown.json()["days"]) == ("web shop", [])
    assert told["token"].split("_")[3] not in shown.content.decode()
    assert ApiKey.objects.get(public_id=told["id"]).digest not in shown.content.decode()


def test_the_teams_keys_are_listed_newest_first_without_those_of_others() -> None:
    maker = api()
    api("forum")
    first, second = made(maker)["id"], made(maker)["id"]
    rows = maker.get("keys/").json()["results"]
    assert [row["id"] for row in rows][:2] == [second, first]
    assert len(rows) == 3


@pytest.mark.parametrize("path", ["keys/{}/", "keys/{}/rotate/", "keys/{}/pause/", "keys/{}/resume/"])
def test_another_teams_key_is_like_one_that_is_not_there(path: str) -> None:
    maker, other = api(), ApiKey.objects.get(public_id=api("forum").token.split("_")[2])
    for act in (maker.get, lambda path: maker.post(path, {}), lambda path: delete(maker, other.public_id)):
        theirs, nobodys = act(path.format(other.public_id)), act(path.format("00000000"))
        if theirs.status_code != 404:
            assert theirs.status_code == nobodys.status_code == 405
        else:
            assert theirs.content == nobodys.content
    other.refresh_from_db()
    assert other.may_be_used()
    assert other.paused_at is None


def test_the_key_of_a_developer_sees_those_that_the_same_person_made() -> None:
    ann, bob = (User.objects.create(username=name) for name in ("ann", "bob"))
    anns, bobs, shells = api(made_by=ann), api(made_by=bob), api()
    shop = Team.objects.get(name="shop")
    for person in (ann, bob):
        Member.objects.create(team=shop, user=person, role="developer")
    own = made(anns)["id"]
    assert {row["id"] for row in anns.get("keys/").json()["results"]} == {own, anns.token.split("_")[2]}
    assert delete(anns, bobs.token.split("_")[2]).status_code == 404
    assert len(shells.get("keys/").json()["results"]) == 4
    Member.objects.filter(user=ann).update(role="admin")
    assert len(anns.get("keys/").json()["results"]) == 4


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scopes", []),
        ("scopes", ["everything"]),
        ("scopes", "emails.read"),
        ("networks", ["192.0.2.1/24"]),
        ("networks", ["here"]),
        ("from_addresses", ["example.org"]),
        ("expires_at", "2020-01-01T00:00:00Z"),
        ("name", "a\nb"),
        ("token", "mine"),
    ],
)
def test_what_is_no_right_is_refused_and_nothing_is_made(field: str, value: Any) -> None:
    maker = api()
    told = made(maker, 400, **{field: value})
    assert told["errors"][0]["field"].partition("[")[0] == field
    assert ApiKey.objects.count() == 1


def test_a_change_says_what_it_changes_and_empties_what_is_empty() -> None:
    maker = api()
    key = made(maker, name="old", note="old", networks=["192.0.2.0/24"])["id"]
    assert patch(maker, key, note="", networks=[], scopes=["emails.send"]).status_code == 200
    told = maker.get(f"keys/{key}/").json()
    assert (told["name"], told["note"], told["networks"], told["scopes"]) == ("old", "", [], ["emails.send"])


# No key makes one that may more than itself.


@pytest.mark.parametrize(
    ("mine", "asked"),
    [
        ({}, {"scopes": ["webhooks.write"]}),
        ({}, {"scopes": ["read"]}),
        ({"from_addresses": ["@example.org"]}, {"from_addresses": ["me@example.com"]}),
        ({"from_addresses": ["@example.org"]}, {"from_addresses": []}),
        ({"from_addresses": ["me@example.org"]}, {"from_addresses": ["@example.org"]}),
        ({"networks": ["127.0.0.0/8"]}, {"networks": []}),
        ({"networks": ["127.0.0.0/8"]}, {"networks": ["127.0.0.1", "0.0.0.0/0"]}),
        ({"networks": ["127.0.0.0/8"]}, {"networks": ["::/0"]}),
        ({"expires_at": timezone.now() + timedelta(days=99)}, {"expires_at": None}),
        ({"expires_at": timezone.now() + timedelta(days=1)}, {"expires_at": "2099-01-01T00:00:00Z"}),
    ],
)
def test_a_key_gives_no_more_than_it_has(mine: Any, asked: Any) -> None:
    maker = api(**mine)
    answer = maker.post("keys/", {"scopes": ["emails.read"], **asked})
    assert answer.status_code in (400, 403)
    if "2099" not in str(asked):
        assert answer.json()["code"] == "beyond_own_rights"
    key = made(maker)["id"]
    assert patch(maker, key, **asked).status_code == answer.status_code
    assert ApiKey.objects.count() == 2


def test_what_is_not_said_is_as_the_maker_has_it() -> None:
    rights = {"from_addresses": ["me@example.org"], "networks": ["127.0.0.0/8"]}
    ends = timezone.now() + timedelta(days=9)
    maker = api(**rights, expires_at=ends)
    told = made(maker)
    assert {name: told[name] for name in rights} == rights
    assert datetime.fromisoformat(told["expires_at"]) == ends


@pytest.mark.parametrize("act", ["rotate/", "patch"])
def test_a_key_does_not_touch_one_that_may_more(act: str) -> None:
    strong = api(scopes=[*ALL, "webhooks.write"])
    weak = api()
    key = strong.token.split("_")[2]
    answer = patch(weak, key, name="mine") if act == "patch" else weak.post(f"keys/{key}/{act}", {})
    assert (answer.status_code, answer.json()["code"]) == (403, "beyond_own_rights")


# Rotated.


def test_a_rotated_key_and_its_successor_both_work_for_a_while(monkeypatch: Any) -> None:
    monkeypatch.setattr(database_clock, "now", timezone.now)  # PostgreSQL's would go on
    with time_machine.travel(timezone.now(), tick=False) as clock:
        maker = api(networks=["127.0.0.0/8"], name="old")
        old = maker.token.split("_")[2]
        told = maker.post(f"keys/{old}/rotate/", {"overlap": 3600}).json()
        assert (told["successor_of"], told["name"], told["networks"]) == (old, "old", ["127.0.0.0/8"])
        assert told["scopes"] == list(ALL)
        assert [using(token).status_code for token in (maker.token, told["token"])] == [200, 200]
        clock.shift(timedelta(seconds=3599))
        assert using(maker.token).status_code == 200
        clock.shift(timedelta(seconds=2))
        over = using(maker.token)
        assert (over.status_code, over.json()["code"]) == (401, "api_key_expired")
        assert using(told["token"]).status_code == 200


def test_a_key_has_one_successor() -> None:
    maker = api()
    key = made(maker)["id"]
    assert maker.post(f"keys/{key}/rotate/", {}).status_code == 201
    again = maker.post(f"keys/{key}/rotate/", {})
    assert (again.status_code, again.json()["code"]) == (409, "key_not_live")


# Expired, or from somewhere else.


def test_only_who_has_the_whole_key_hears_that_it_has_expired() -> None:
    token = api(expires_at=timezone.now() - timedelta(seconds=1)).token
    assert using(token).json()["code"] == "api_key_expired"
    wrong = token[:-9] + token[-1] + token[-8:]
    assert (using(wrong).status_code, using(wrong).json()["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    ("networks", "address", "status"),
    [
        (["192.0.2.0/24"], "192.0.2.200", 200),
        (["192.0.2.0/24"], "192.0.3.1", 403),
        (["192.0.2.0/24"], "::ffff:192.0.2.5", 200),
        (["2001:db8::/32"], "2001:db8::1%eth0", 200),
        (["2001:db8::/32"], "192.0.2.1", 403),
        (["192.0.2.0/24"], "", 403),
        ([], "", 200),
    ],
)
def test_a_key_works_from_its_networks_alone(networks: list[str], address: str, status: int) -> None:
    token = api(networks=networks).token
    answer = using(token, REMOTE_ADDR=address)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["code"] == "network_not_allowed"
        assert (address or "an unknown address") in answer.json()["message"]


def test_the_address_is_the_clients_behind_a_proxy_that_is_trusted(settings: Any) -> None:
    token = api(networks=["192.0.2.0/24"]).token
    told = {"Authorization": f"Bearer {token}", "X-Forwarded-For": "192.0.2.9"}
    ask = Client(REMOTE_ADDR="10.0.0.1").get
    assert ask(fakes.V1 + "me/", headers=told).status_code == 403
    settings.GOMAIL_TRUSTED_PROXIES = ("10.0.0.1",)
    assert ask(fakes.V1 + "me/", headers=told).status_code == 200


# Paused and revoked.


def test_a_paused_key_takes_nothing_until_it_is_resumed() -> None:
    maker, sender = api(), api()
    key = sender.token.split("_")[2]
    later(sender, 1)
    assert maker.post(f"keys/{key}/pause/", {}).json()["paused_at"]
    keys._live.cache_clear()  # what the end of a second does
    assert sender.send().json()["code"] == "paused"
    assert not Email.objects.due().exists()
    assert maker.post(f"keys/{key}/resume/", {}).json()["paused_at"] is None
    keys._live.cache_clear()
    assert sender.send().status_code == 200
    assert Email.objects.due().exists()


def test_a_paused_key_neither_resumes_itself_nor_makes_another_that_sends_in_its_place() -> None:
    paused = api()
    key = paused.token.split("_")[2]
    paused.post(f"keys/{key}/pause/", {})
    keys._live.cache_clear()
    for answer in (paused.post(f"keys/{key}/resume/", {}), paused.post("keys/", {"scopes": ["emails.send"]})):
        assert (answer.status_code, answer.json()["code"]) == (403, "paused")
    assert ApiKey.objects.get().paused_at


def test_nobody_ends_the_pause_of_a_key_that_may_more() -> None:
    maker = api()
    strong = api(scopes=(*ALL, "members.write")).token.split("_")[2]
    assert maker.post(f"keys/{strong}/pause/", {}).status_code == 200
    assert maker.post(f"keys/{strong}/resume/", {}).json()["code"] == "beyond_own_rights"
    assert ApiKey.objects.get(public_id=strong).paused_at


@pytest.mark.parametrize(
    ("query", "sent", "cancelled"), [("", 3, 0), ("?waiting=send", 3, 0), ("?waiting=cancel", 0, 3)]
)
def test_revoking_says_what_becomes_of_what_waits(query: str, sent: int, cancelled: int) -> None:
    maker, sender = api(), api()
    later(sender, 3)
    told = delete(maker, sender.token.split("_")[2], query).json()
    assert (told["waiting"], told["cancelled"]) == (sent, cancelled)
    assert Email.objects.due().count() == sent
    assert Email.objects.filter(status="cancelled").count() == cancelled
    keys._live.cache_clear()
    assert using(sender.token).status_code == 401


@pytest.mark.parametrize("state", ["scheduled", "sending", "paused"])
@pytest.mark.parametrize(("query", "after"), [("", ""), ("?waiting=cancel", "cancelled")])
def test_revoking_says_what_becomes_of_mailings_without_emails(state: str, query: str, after: str) -> None:
    maker, sender = api(), api()
    key = ApiKey.objects.get(public_id=sender.token.split("_")[2])
    rows = [Mailing(team=key.team, key=key, name=name, state=name) for name in (state, "done")]
    Mailing.objects.bulk_create([*rows, Mailing(team=key.team, name="of nobody", state=state)])
    told = delete(maker, key.public_id, query).json()
    assert (told["waiting"], told["cancelled"], told["mailings"]) == (0, 0, 1)
    left = dict(Mailing.objects.values_list("name", "state"))
    assert left == {state: after or state, "done": "done", "of nobody": state}


def test_another_word_for_it_revokes_nothing() -> None:
    maker = api()
    assert delete(maker, maker.token.split("_")[2], "?waiting=perhaps").status_code == 400
    assert ApiKey.objects.get().may_be_used()


# Used.


def test_the_use_of_each_day_is_shown() -> None:
    maker = api()
    for _ in range(3):
        maker.get("me/")
    key_use.write()
    told = maker.get(f"keys/{maker.token.split('_')[2]}/").json()
    assert [day["requests"] for day in told["days"]] == [3]
