"""Who came by an invitation's link, which the inviter had, too: once the address is proved, nothing before counts."""

from typing import Any
from urllib.parse import urlencode

import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.test import Client
from pytest_httpserver import HTTPServer

from delivery.access import members
from delivery.models import AuditEntry, Email, Member, Newcomer, Team
from gomail.login import mails
from tests.gomail.login.people import (
    PASSWORD,
    factors,
    link_in,
    log_in,
    person,
    user_of,
    with_app,
    with_passkey,
)
from tests.gomail.login.providers import ASKED, come, provider

__all__ = ["provider"]
pytestmark = pytest.mark.django_db

BEA = "bea@example.org"
VOUCHED = {"email": BEA, "email_verified": True, "name": "Bea Brown"}
NEW = "staple battery horse"


def path(address: str = BEA) -> str:
    team = Team.objects.get_or_create(name="shop")[0]
    return members.path(members.invite(team, address, "support", None)[1])


@pytest.fixture
def inviter() -> Client:
    """Somebody who has invited an address that is not his, and has used the link himself."""
    client = Client()
    client.post(path(), {"name": "Bea", "password": PASSWORD, "again": PASSWORD})
    user = User.objects.get()
    with_app(user)
    with_passkey(user)
    SocialAccount.objects.create(user=user, provider="oidc", uid="the inviter's own")
    assert user_of(client)
    return client


def actions() -> set[str]:
    return set(AuditEntry.objects.values_list("action", flat=True))


def test_what_the_inviter_set_up_ends_when_the_provider_vouches_for_the_address(
    client: Client, provider: HTTPServer, inviter: Client
) -> None:
    assert come(client, provider, **VOUCHED)["Location"] == "/admin/"
    user = User.objects.get()
    assert user_of(client) == str(user.pk)
    assert (user.has_usable_password(), factors(user)) == (False, [])
    assert [one.uid for one in SocialAccount.objects.all()] == ["4711"]
    assert inviter.get("/accounts/sessions/").status_code == 302
    assert log_in(Client(), BEA).status_code == 200
    assert actions() >= {"user.address_proved", "user.password_changed", "factor.removed", "openid.added"}
    assert not Newcomer.objects.exists()


def test_it_is_done_once(client: Client, provider: HTTPServer, inviter: Client) -> None:
    come(client, provider, **VOUCHED)
    user = User.objects.get()
    user.set_password(PASSWORD)
    user.save()
    with_app(user)
    assert come(Client(), provider, **VOUCHED)["Location"] == "/accounts/2fa/authenticate/"
    user.refresh_from_db()
    assert (user.has_usable_password(), factors(user)) == (True, ["totp"])


def test_a_link_by_mail_proves_the_address_too(client: Client, inviter: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr(mails, "_EVEN", 0.0)
    client.post("/accounts/password/reset/", {"email": BEA})
    link = link_in(Email.objects.get().text_body).removeprefix("http://testserver")
    client.post(client.get(link)["Location"], {"password1": NEW, "password2": NEW})
    user = User.objects.get()
    assert (user.check_password(NEW), factors(user)) == (True, [])
    assert not SocialAccount.objects.exists()
    assert inviter.get("/accounts/sessions/").status_code == 302
    assert log_in(client, BEA, NEW)["Location"] == "/admin/"
    assert "user.address_proved" in actions()


def test_factors_of_whoever_has_proved_the_address_outlast_a_link_by_mail(
    client: Client, monkeypatch: Any
) -> None:
    monkeypatch.setattr(mails, "_EVEN", 0.0)
    user = person()
    with_app(user)
    client.post("/accounts/password/reset/", {"email": user.email})
    link = link_in(Email.objects.get().text_body).removeprefix("http://testserver")
    client.post(client.get(link)["Location"], {"password1": NEW, "password2": NEW})
    assert factors(user) == ["totp"]


def test_who_is_connected_while_logged_in_has_proved_it_and_stays_logged_in(
    client: Client, provider: HTTPServer
) -> None:
    client.post(path(), {"name": "Bea", "password": PASSWORD, "again": PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    elsewhere = Client()
    log_in(elsewhere, BEA)
    asked = f"{ASKED}?process=connect"
    assert come(client, provider, asked, **VOUCHED)["Location"] == "/accounts/3rdparty/"
    assert client.get("/accounts/sessions/").status_code == 200
    assert elsewhere.get("/accounts/sessions/").status_code == 302
    assert not Newcomer.objects.exists()


def test_an_account_of_another_address_proves_nothing(client: Client, provider: HTTPServer) -> None:
    client.post(path(), {"name": "Bea", "password": PASSWORD, "again": PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    come(
        client, provider, f"{ASKED}?process=connect", sub="eve", email="eve@example.org", email_verified=True
    )
    assert [one.uid for one in SocialAccount.objects.all()] == ["eve"]
    assert User.objects.get().has_usable_password()
    assert Newcomer.objects.exists()


def test_connecting_asks_who_it_is_first(client: Client, provider: HTTPServer) -> None:
    person()
    log_in(client)
    answer = client.post(f"{ASKED}?process=connect")
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert not SocialAccount.objects.exists()


def test_a_new_person_joins_by_the_provider(client: Client, provider: HTTPServer) -> None:
    where = path()
    assert "Join with Example" in client.get(where).content.decode()
    asked = f"{ASKED}?{urlencode({'process': 'login', 'next': where})}"
    assert come(client, provider, asked, **VOUCHED)["Location"] == "/admin/"
    user = User.objects.get()
    assert (user.email, user.first_name, user.has_usable_password()) == (BEA, "Bea Brown", False)
    assert (Member.objects.get().user, user_of(client)) == (user, str(user.pk))
    assert client.get("/admin/").status_code == 200
    assert not Newcomer.objects.exists()
    joined = AuditEntry.objects.get(action="member.joined")
    assert joined.actor_name == BEA
    assert Client().get(where).status_code == 404


@pytest.mark.parametrize(
    "claims",
    [
        {"email": BEA},
        {"email": BEA, "email_verified": False},
        {"email": "eve@example.org", "email_verified": True},
        {},
    ],
)
def test_nobody_else_joins(client: Client, provider: HTTPServer, claims: dict[str, Any]) -> None:
    asked = f"{ASKED}?{urlencode({'process': 'login', 'next': path()})}"
    assert "There is no account for you" in come(client, provider, asked, **claims).content.decode()
    assert not User.objects.exists()


@pytest.mark.parametrize("onward", ["", "/invite/made-up/", "/admin/", "/nowhere/"])
def test_nobody_joins_without_the_link(client: Client, provider: HTTPServer, onward: str) -> None:
    path()
    asked = f"{ASKED}?{urlencode({'process': 'login', 'next': onward})}"
    assert "There is no account for you" in come(client, provider, asked, **VOUCHED).content.decode()
    assert not User.objects.exists()


def test_whoever_came_before_this_was_noted_counts_as_one(client: Client) -> None:
    from importlib import import_module

    from django.apps import apps

    client.post(path(), {"name": "Bea", "password": PASSWORD, "again": PASSWORD})
    person()
    Newcomer.objects.all().delete()
    import_module("delivery.migrations.0030_newcomers").note_those_who_came_before(apps, None)
    assert [one.user.email for one in Newcomer.objects.all()] == [BEA]
