"""Invitations: accepted once, by whoever has the address, within seven days."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.test import Client

from delivery.access import members
from delivery.models import AuditEntry, Invitation, Member, Team
from tests.delivery.access.crowds import at_once
from tests.gomail.login.people import PASSWORD, log_in, person, user_of, with_app

pytestmark = pytest.mark.django_db

NEW = {"name": "Bea", "password": PASSWORD, "again": PASSWORD}


@pytest.fixture
def shop(db: None) -> Team:
    return Team.objects.create(name="shop")


def invited(team: Team, address: str = "bea@example.org", role: str = "support") -> str:
    """Return the path behind which an invitation is accepted."""
    return members.path(members.invite(team, address, role, None)[1])


def test_a_new_person_chooses_a_password_and_is_in(client: Client, shop: Team) -> None:
    path = invited(shop)
    page = client.get(path).content.decode()
    assert all(word in page for word in ("shop", "support", "bea@example.org"))
    assert client.post(path, NEW)["Location"] == "/admin/"
    user = User.objects.get()
    assert (user.username, user.email, user.first_name) == ("bea@example.org", "bea@example.org", "Bea")
    assert (user.is_superuser, user_of(client)) == (False, str(user.pk))
    assert client.get("/admin/").status_code == 200
    assert Member.objects.get().role == "support"
    assert AuditEntry.objects.get(action="member.joined").actor_name == "bea@example.org"
    assert log_in(Client(), "Bea@example.org").status_code == 302


def test_an_invitation_is_accepted_once(client: Client, shop: Team) -> None:
    path = invited(shop)
    client.post(path, NEW)
    for other in (client, Client()):
        assert other.get(path).status_code == 404
        assert other.post(path, NEW).status_code == 404
    assert User.objects.count() == 1


def test_every_token_that_is_not_open_is_answered_alike(client: Client, shop: Team) -> None:
    used, old, gone = invited(shop), invited(shop, "c@example.org"), invited(shop, "d@example.org")
    client.post(used, NEW)
    Invitation.objects.filter(email="c@example.org").update(expires_at=F("created_at") - timedelta(seconds=1))
    members.withdraw(Invitation.objects.get(email="d@example.org"))
    answers = [Client().get(path) for path in (used, old, gone, "/invite/nonsense/", f"/invite/{'x' * 200}/")]
    assert {answer.status_code for answer in answers} == {404}
    texts = {answer.content.decode().partition("csrf")[0] for answer in answers}
    assert (
        len(
            {text.replace(answer.wsgi_request.path, "") for text, answer in zip(texts, answers, strict=False)}
        )
        == 1
    )
    assert all("shop" not in text and "example.org" not in text for text in texts)


def test_who_has_an_account_logs_in_and_joins(client: Client, shop: Team) -> None:
    user = person("bea")
    path = invited(shop)
    page = client.get(path)
    assert f"next={path}" in page.content.decode()
    assert client.post(path, NEW).status_code == 200  # no second account, no other password
    assert log_in(client, "bea", next=path)["Location"] == path
    assert "Join shop?" in client.get(path).content.decode()
    assert not Member.objects.exists()
    assert client.post(path)["Location"] == "/admin/"
    assert (Member.objects.get().user, User.objects.count()) == (user, 1)


def test_the_second_factor_is_asked_on_the_way(client: Client, shop: Team) -> None:
    with_app(person("bea"))
    path = invited(shop)
    assert "/2fa/authenticate/" in log_in(client, "bea", next=path)["Location"]
    assert user_of(client) is None


def test_somebody_else_cannot_accept_it(client: Client, shop: Team) -> None:
    person("eve")
    path = invited(shop)
    log_in(client, "eve")
    for answer in (client.get(path), client.post(path, NEW)):
        assert "for somebody else" in answer.content.decode()
    assert not Member.objects.exists()
    assert client.post("/accounts/logout/", {"next": path})["Location"] == path


@pytest.mark.parametrize(
    "fields",
    [
        {"again": "another password"},
        {"password": "short", "again": "short"},
        {"password": "bea@example.org", "again": "bea@example.org"},
        {"password": "x" * 2000, "again": "x" * 2000},
        {"name": ""},
        {"name": "x" * 151},
        {"name": "a\0b"},
    ],
)
def test_what_cannot_be_taken_changes_nothing(client: Client, shop: Team, fields: dict[str, Any]) -> None:
    path = invited(shop)
    assert client.post(path, NEW | fields).status_code == 200
    assert not User.objects.exists()
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    "address", ["o'hara@example.org", "x/y@example.org", "a" * 60 + "@" + "b" * 60 + ".example." + "c" * 60]
)
def test_any_address_may_join(client: Client, shop: Team, address: str) -> None:
    client.post(invited(shop, address), NEW)
    assert User.objects.get().email == address
    assert log_in(Client(), address).status_code == 302


def test_an_invitation_and_a_teams_name_are_escaped(client: Client) -> None:
    team = Team.objects.create(name="<img src=x onerror=pwn()>")
    assert "<img src=x" not in client.get(invited(team)).content.decode()


def test_who_tries_tokens_is_locked(client: Client, shop: Team) -> None:
    path = invited(shop)
    statuses = [client.get(f"/invite/token-{number}/").status_code for number in range(31)]
    assert statuses == [404] * 30 + [429]
    assert client.get(path).status_code == 429
    assert Client(REMOTE_ADDR="192.0.2.9").get(path).status_code == 200


def test_the_token_leaves_by_no_link(client: Client, shop: Team) -> None:
    answer = client.get(invited(shop))
    assert answer["Referrer-Policy"] == "same-origin"
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db(transaction=True)
def test_ten_at_once_make_one_person() -> None:
    path = invited(Team.objects.create(name="shop"))
    at_once(lambda number: Client(REMOTE_ADDR=f"192.0.2.{number}").post(path, NEW), threads=10)
    assert (User.objects.count(), Member.objects.count()) == (1, 1)
