"""The page of the audit: read, filtered and exported, and by nobody changed."""

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client

from delivery.access import actor, audit
from delivery.access.actor import Actor
from delivery.models import AuditEntry, Member, Team
from tests.delivery.admin.pages import text

LIST = "/admin/delivery/auditentry/"
ADA = Actor(kind="member", id="7", name="ada", address="192.0.2.1", request_id="r-1")


def done(team: str | None, action: str = "key.paused", id: object = "abcdefgh", **what: Any) -> AuditEntry:
    whose = Team.objects.get_or_create(name=team)[0] if team else None
    with actor.acting(ADA), transaction.atomic():
        audit.record(action, action.partition(".")[0], id, team=whose, **what)
    return AuditEntry.objects.latest("id")


def reader(role: str, team: str = "shop") -> Client:
    user = User.objects.create_user("reader", is_staff=True)
    Member.objects.create(team=Team.objects.get_or_create(name=team)[0], user=user, role=role)
    client = Client()
    client.force_login(user)
    return client


def exported(client: Client, query: str = "") -> list[Any]:
    answer = client.get(f"{LIST}export/{query}")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/x-ndjson; charset=utf-8")
    return [json.loads(line) for line in answer.getvalue().decode().splitlines()]  # type: ignore[attr-defined]


def test_the_list_and_the_page_say_who_did_what(admin_client: Client) -> None:
    entry = done("shop", before={"paused": False}, after={"paused": "<b>true</b>"})
    for shown in (text(admin_client.get(LIST)), text(admin_client.get(f"{LIST}{entry.pk}/change/"))):
        assert {"key.paused", "abcdefgh", "ada", "192.0.2.1", "shop"} <= set(shown.split())
    page = admin_client.get(f"{LIST}{entry.pk}/change/").content.decode()
    assert "&lt;b&gt;true&lt;/b&gt;" in page
    assert "r-1" in page


@pytest.mark.parametrize("role", ["owner", "admin"])
def test_a_member_sees_and_exports_the_entries_of_his_team_alone(db: None, role: str) -> None:
    mine, others = done("shop"), [done("forum", id="theirs00"), done(None, id="operator")]
    client = reader(role)
    assert "abcdefgh" in text(client.get(LIST))
    assert not {"theirs00", "operator", "forum"} & set(text(client.get(LIST)).split())
    assert [row["id"] for row in exported(client)] == [str(mine.pk)]
    assert client.get(f"{LIST}{mine.pk}/change/").status_code == 200
    assert [client.get(f"{LIST}{entry.pk}/change/").status_code for entry in others] == [404, 404]


@pytest.mark.parametrize("role", ["developer", "support", "viewer"])
def test_whoever_may_not_read_it_is_refused(db: None, role: str) -> None:
    entry = done("shop")
    client = reader(role)
    paths = (LIST, f"{LIST}export/", f"{LIST}{entry.pk}/change/", f"{LIST}{entry.pk}/history/")
    assert [client.get(path).status_code for path in paths] == [403] * 4
    assert "Audit" not in text(client.get("/admin/")).split()


@pytest.mark.parametrize("role", ["owner", ""])
def test_nobody_changes_it_not_even_the_operator(db: None, admin_client: Client, role: str) -> None:
    entry = done("shop")
    client = reader(role) if role else admin_client
    forms = [
        (f"{LIST}add/", {"action": "key.created"}),
        (f"{LIST}{entry.pk}/change/", {"action": "key.created"}),
        (f"{LIST}{entry.pk}/delete/", {"post": "yes"}),
    ]
    assert [client.post(path, form).status_code for path, form in forms] == [403] * 3
    client.post(LIST, {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"})
    assert list(AuditEntry.objects.all()) == [entry]
    assert AuditEntry.objects.get().action == "key.paused"


@pytest.mark.parametrize(
    ("query", "found", "linked"),
    [
        ("", "abc", ""),
        ("?q=key.paused", "a", "?q=key.paused"),
        ("?q=key", "a", "?q=key"),
        ("?q=ke", "", "?q=ke"),
        ("?q=bob@example.org", "b", "?q=bob%40example.org"),
        ("?q=ada", "abc", "?q=ada"),
        ("?actor_kind__exact=member", "abc", "?actor_kind__exact=member"),
        ("?actor_kind__exact=key", "", "?actor_kind__exact=key"),
        ("?at_from=2020-01-01&at_to=2020-01-02", "", "?at_from=2020-01-01&amp;at_to=2020-01-02"),
        ("?at_from=2020-01-01", "abc", "?at_from=2020-01-01"),
        ("?o=-1&p=2", "abc", ""),
    ],
)
def test_list_and_export_have_the_same_filters(
    admin_client: Client, query: str, found: str, linked: str
) -> None:
    names = {
        str(done("shop").pk): "a",
        str(done("shop", "suppression.added", "bob@example.org").pk): "b",
        str(done("forum", "webhook.tested", "w").pk): "c",
    }
    assert "".join(names[row["id"]] for row in reversed(exported(admin_client, query))) == found
    page = admin_client.get(f"{LIST}{query}").content.decode()
    (link,) = re.findall(f'href="({LIST}export/[^"]*)"', page)
    assert link == LIST + "export/" + linked
    shown = [id for id in names if f"{LIST}{id}/change/" in page]
    assert "".join(names[id] for id in shown) == ("" if "p=2" in query else found)


def test_the_team_of_an_entry_stands_in_the_operators_export(admin_client: Client) -> None:
    team = done("shop").team
    assert team is not None
    assert [row["team"] for row in exported(admin_client)] == [team.pk]
    assert [row["action"] for row in exported(admin_client, f"?team__id__exact={team.pk}")] == ["key.paused"]
    assert exported(admin_client, "?team__id__exact=999") == []
