"""Login by a provider of OpenID Connect, which stands on loopback: for whom it vouches, and nobody else."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from pytest_httpserver import HTTPServer

from tests.gomail.login.people import person, user_of, with_app
from tests.gomail.login.providers import ASKED, come, provider

__all__ = ["provider"]
pytestmark = pytest.mark.django_db


def test_the_browser_is_sent_on_by_a_page(client: Client, provider: HTTPServer) -> None:
    answer = client.post(ASKED)
    asked = parse_qs(urlsplit(answer.context["redirect_to"]).query)
    assert (answer.status_code, asked["code_challenge_method"]) == (200, ["S256"])
    assert asked["redirect_uri"] == ["http://testserver/accounts/oidc/oidc/login/callback/"]


def test_a_user_comes_in_by_a_verified_address(client: Client, provider: HTTPServer) -> None:
    user = person(is_staff=True)
    assert come(client, provider, email="Anna@example.org", email_verified=True)["Location"] == "/admin/"
    assert user_of(client) == str(user.pk)
    user.refresh_from_db()
    assert user.has_usable_password()
    assert SocialAccount.objects.get().uid == "4711"


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "anna@example.org"},
        {"email": "anna@example.org", "email_verified": False},
        {"email": "nobody@example.org", "email_verified": True},
        {"email": "gone@example.org", "email_verified": True},
        {"email": "twice@example.org", "email_verified": True},
        {"email": "ann\u0430@example.org", "email_verified": True},
        {},
    ],
)
def test_nobody_else_comes_in(client: Client, provider: HTTPServer, claims: dict[str, Any]) -> None:
    person()
    person("gone", is_active=False)
    for name in ("twice", "again"):
        person(name)
    type(person("third")).objects.filter(username__in=("twice", "again")).update(email="twice@example.org")
    answer = come(client, provider, **claims)
    assert "There is no account for you" in answer.content.decode()
    assert (user_of(client), SocialAccount.objects.count()) == (None, 0)


def test_the_second_factor_is_asked_all_the_same(client: Client, provider: HTTPServer) -> None:
    with_app(person())
    answer = come(client, provider, email="anna@example.org", email_verified=True)
    assert answer["Location"] == "/accounts/2fa/authenticate/"
    assert user_of(client) is None


def test_an_answer_that_nobody_asked_for_is_none(client: Client, provider: HTTPServer) -> None:
    person()
    answer = client.get(f"{ASKED}callback/", {"code": "c", "state": "made-up"})
    assert "You are not logged in" in answer.content.decode()
    assert user_of(client) is None


def test_a_provider_that_is_away_is_said_so(client: Client, provider: HTTPServer) -> None:
    provider.clear()
    provider.expect_request("/.well-known/openid-configuration").respond_with_data("no", status=500)
    answer = client.post(ASKED)
    assert answer.status_code == 502
    assert "You are not logged in" in answer.content.decode()


def test_without_a_provider_there_is_no_button_and_no_page(client: Client) -> None:
    assert "oidc" not in client.get("/accounts/login/").content.decode()
    assert client.post(ASKED).status_code == 404
