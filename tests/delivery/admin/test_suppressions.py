"""The page of suppressions: seen, entered, let go with a reason, and by nobody who may not."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from delivery.db import clock
from delivery.models import Suppression, Team, WebhookMessage
from delivery.suppressions import entries
from delivery.suppressions.entries import Finding
from delivery.webhooks import endpoints
from tests.delivery.admin import pages

pytestmark = pytest.mark.django_db
LIST = reverse("admin:delivery_suppression_changelist")
ADD = reverse("admin:delivery_suppression_add")
EXPORT = reverse("admin:delivery_suppression_export")
SCRIPT = "<script>pwn()</script>"


def add(address: str = "bob@example.org", kind: str = "hard_bounce", **changes: Any) -> Suppression:
    given = {"team_id": None, "source": "ses", "at": clock.now(), "reason": "No such user"}
    return entries.add([Finding(address=address, kind=kind, **{**given, **changes})])[0]


def of(entry: Suppression, name: str = "change") -> str:
    return reverse(f"admin:delivery_suppression_{name}", args=[entry.pk])


def asked(**changes: str) -> dict[str, str]:
    return {"who": "Bob@example.org", "whose": "", "why": "manual", "because": "By telephone", **changes}


def test_an_address_is_entered(admin_client: Client) -> None:
    shop = Team.objects.create(name="shop")
    fields = asked(whose=str(shop.pk), why="unsubscribe", only_list="news", days="3")
    assert admin_client.post(ADD, fields).status_code == 302
    entry = Suppression.objects.get()
    assert (entry.address, entry.team, entry.kind, entry.scope) == (
        *("bob@example.org", shop, "unsubscribe", "list:news"),
    )
    assert (entry.source, entry.by, entry.reason) == ("admin", "admin", "By telephone")
    assert entry.expires_at is not None
    assert (entry.expires_at - entry.first_seen).days == 3


@pytest.mark.parametrize(
    "changes",
    [{"who": "bob"}, {"because": ""}, {"why": "fun"}, {"days": "0"}, {"whose": "77"}, {"because": "a\nb"}],
)
def test_what_makes_no_sense_is_refused(admin_client: Client, changes: dict[str, str]) -> None:
    assert admin_client.post(ADD, asked(**changes)).status_code == 200
    assert not Suppression.objects.exists()


def test_the_list_is_searched_and_filtered(admin_client: Client) -> None:
    shop = Team.objects.create(name="shop")
    add("ann@example.org", team_id=shop.pk)
    add("bob@example.org", "complaint")
    add("eve@example.org", "unsubscribe", scope="list:news")

    def shown(**query: str) -> list[str]:
        text = pages.text(admin_client.get(LIST, query))
        return [name for name in ("ann", "bob", "eve") if f"{name}@example.org" in text]

    assert shown() == ["ann", "bob", "eve"]
    assert shown(q="BO") == ["bob"]
    assert shown(q="example") == []
    assert shown(kind__exact="complaint") == ["bob"]
    assert shown(scope_kind="list:") == ["eve"]
    assert shown(team__id__exact=str(shop.pk)) == ["ann"]


def test_an_entry_is_let_go_with_a_reason_and_not_without(admin_client: Client) -> None:
    entry = add()
    page = of(entry, "let_go")
    assert "bob@example.org" in pages.text(admin_client.get(page))
    assert admin_client.post(page, {"reason": " "}).status_code == 200
    assert Suppression.objects.exists()
    assert admin_client.post(page, {"reason": "New mailbox"}).status_code == 302
    assert not Suppression.objects.exists()
    assert admin_client.get(page).status_code == 404


def test_who_let_an_address_go_is_told_to_operators_and_to_no_client(admin_client: Client) -> None:
    entry = add()
    endpoints.create(entry.team, url="https://one.example/")
    admin_client.post(of(entry, "let_go"), {"reason": "New mailbox"})
    assert WebhookMessage.objects.get().data["by"] == "person"
    logged = LogEntry.objects.get()
    assert (logged.user.get_username(), logged.change_message) == ("admin", "Let go.")


def test_all_that_vendors_and_people_write_is_escaped(admin_client: Client) -> None:
    entry = add(reason=SCRIPT, source=SCRIPT[:50], scope=f"list:{SCRIPT}", kind="unsubscribe", by=SCRIPT)
    for page in (LIST, of(entry), of(entry, "let_go")):
        answer = admin_client.get(page)
        assert (answer.status_code, SCRIPT in answer.content.decode()) == (200, False)
        assert "pwn()" in answer.content.decode()


def test_the_export_is_the_file_of_the_api(admin_client: Client) -> None:
    add(reason="=1+1")
    text = b"".join(admin_client.get(EXPORT)).decode()  # type: ignore[call-overload]
    assert text.startswith('"address","kind","scope"')
    assert "'=1+1" in text


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("", set()),
        ("viewer", set()),
        ("support", {"list", "change", "export", "add", "let_go"}),
    ],
)
def test_people_may_do_what_their_role_allows(role: str, allowed: set[str]) -> None:
    entry, person = add(), pages.reader(role)
    paths = {"list": LIST, "change": of(entry), "export": EXPORT, "add": ADD, "let_go": of(entry, "let_go")}
    assert {name for name, path in paths.items() if person.get(path).status_code == 200} == allowed
    whose = Team.objects.filter(name="shop").first()
    person.post(ADD, asked(who="eve@example.org", whose=whose.pk if whose else ""))
    person.post(paths["let_go"], {"reason": "x"})
    assert Suppression.objects.filter(address="eve@example.org").exists() == (role == "support")
    assert Suppression.objects.filter(pk=entry.pk).exists() == (role != "support")


def test_a_member_enters_nothing_for_everybody_or_for_another_team() -> None:
    person, other = pages.reader("support"), Team.objects.create(name="rival")
    assert "rival" not in person.get(ADD).content.decode()
    for whose in ("", other.pk):
        assert person.post(ADD, asked(whose=whose)).status_code == 200
    assert not Suppression.objects.exists()


def test_an_entry_cannot_be_changed_or_deleted_past_the_reason(admin_client: Client) -> None:
    entry = add()
    admin_client.post(of(entry), asked())
    assert admin_client.post(of(entry, "delete"), {"post": "yes"}).status_code == 403
    assert Suppression.objects.get().address == "bob@example.org"
