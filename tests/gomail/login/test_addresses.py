"""An address is the same however it is written, and leads to one user."""

import io
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from pytest_httpserver import HTTPServer

from delivery.access import keys, members, users
from delivery.access.members import AlreadyMember
from delivery.models import Email, Invitation, Member, Team
from gomail.login import mails
from tests import fakes
from tests.gomail.login.people import PASSWORD, log_in, person, user_of
from tests.gomail.login.providers import come, provider

__all__ = ["provider"]
pytestmark = pytest.mark.django_db

ASCII = "bea@xn--tda.example"
SPELLINGS = ["bea@ü.example", "Bea@Ü.example", "BEA@xn--tda.EXAMPLE", ASCII]
NEW = {"name": "Bea", "password": PASSWORD, "again": PASSWORD}


@pytest.fixture
def shop() -> Team:
    return Team.objects.create(name="shop")


def invited(team: Team, address: str) -> str:
    return members.path(members.invite(team, address, "support", None)[1])


@pytest.mark.parametrize("written", SPELLINGS)
def test_who_is_invited_by_any_spelling_joins_and_logs_in_by_any(
    client: Client, shop: Team, written: str
) -> None:
    client.post(invited(shop, written), NEW)
    assert (User.objects.get().email, Member.objects.count()) == (ASCII, 1)
    for spelling in SPELLINGS:
        assert log_in(Client(), spelling)["Location"] == "/admin/"


@pytest.mark.parametrize("stored", SPELLINGS)
@pytest.mark.parametrize("written", SPELLINGS)
def test_who_is_here_with_one_spelling_accepts_another(
    client: Client, shop: Team, stored: str, written: str
) -> None:
    user = person("bea")
    User.objects.update(email=stored)
    path = invited(shop, written)
    assert "Log in as" in client.get(path).content.decode()
    log_in(client, "bea", next=path)
    assert client.post(path)["Location"] == "/admin/"
    assert Member.objects.get().user == user
    with pytest.raises(AlreadyMember):
        members.invite(shop, written, "support", None)


@pytest.mark.parametrize("stored", SPELLINGS)
def test_a_provider_vouches_for_any_spelling(client: Client, provider: HTTPServer, stored: str) -> None:
    user = person("bea")
    User.objects.update(email=stored)
    come(client, provider, email=SPELLINGS[0], email_verified=True)
    assert user_of(client) == str(user.pk)


def test_a_link_by_mail_goes_out_for_any_spelling(client: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr(mails, "_EVEN", 0.0)
    person("bea")
    User.objects.update(email=ASCII)
    client.post("/accounts/password/reset/", {"email": SPELLINGS[0]})
    assert Email.objects.get().recipients.get().canonical == ASCII


def test_the_api_invites_by_any_spelling(shop: Team) -> None:
    api = fakes.Api(Client(), keys.issue(shop, scopes=["members.write", "members.read", "emails.read"])[1])
    for spelling in SPELLINGS:
        assert api.post("members/", {"email": spelling, "role": "viewer"}).status_code in {201, 403}
    assert {one.email for one in Invitation.objects.all()} <= {ASCII}


def test_others_with_the_same_name_at_other_domains_are_others() -> None:
    person("bea")
    User.objects.update(email="bea@example.org")
    assert users.at("bea@xn--tda.example") == []
    assert users.at("b_a@example.org") == []
    assert users.at("bea@example.org\0") == users.at("@example.org") == users.at("") == []


# A login name that is the address of somebody else.


def test_nobody_joins_by_an_address_that_is_somebodys_login_name(
    client: Client, shop: Team, provider: HTTPServer
) -> None:
    User.objects.create_superuser("bea@example.org", "", PASSWORD)
    path = invited(shop, "bea@example.org")
    assert users.CLASH in client.post(path, NEW).content.decode()
    asked = f"/accounts/oidc/oidc/login/?process=login&next={path}"
    come(client, provider, asked, email="bea@example.org", email_verified=True)
    assert User.objects.count() == 1
    assert user_of(client) is None


def fields(**changes: Any) -> dict[str, Any]:
    return {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD, **changes}


def test_the_operator_makes_no_user_called_by_the_address_of_another(client: Client) -> None:
    bea = person("bea")
    client.force_login(User.objects.create_superuser("root"))
    for name in ("bea@example.org", "Bea@Example.org"):
        assert users.CLASH in client.post("/admin/auth/user/add/", fields(username=name)).content.decode()
    assert client.post("/admin/auth/user/add/", fields(username="cem@example.net")).status_code == 302
    page = f"/admin/auth/user/{bea.pk}/change/"
    given = {"username": "bea", "is_active": "on", "date_joined_0": "2026-11-28", "date_joined_1": "10:00:00"}
    assert users.CLASH in client.post(page, {**given, "email": "cem@example.net"}).content.decode()
    assert client.post(page, {**given, "username": "b", "email": "bea@example.net"}).status_code == 302


def test_a_user_called_by_the_own_address_is_no_clash() -> None:
    user = User.objects.create_user("bea@example.org", "bea@example.org", PASSWORD)
    assert not users.clashes(user)
    assert not users.clashes(User(username="cem", email=""))


def test_the_command_says_so(monkeypatch: Any) -> None:
    person("bea")
    told = io.StringIO()
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command(
        "createsuperuser",
        "--noinput",
        username="bea@example.org",
        email="",
        stdout=io.StringIO(),
        stderr=told,
    )
    assert users.CLASH in told.getvalue()


def test_where_it_is_so_already_the_name_goes_first(client: Client) -> None:
    named = User.objects.create_user("bea@example.org", "", PASSWORD)
    other = person("bea")
    log_in(client, "bea@example.org")
    assert user_of(client) == str(named.pk) != str(other.pk)
