"""Which pages there are, and where they lead."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import NoReverseMatch, get_resolver, reverse

from tests.gomail.login.people import LOGIN, PASSWORD, log_in, person, user_of
from tests.urls import paths

pytestmark = pytest.mark.django_db

WANTED = {
    *("", "login/", "logout/", "inactive/", "reauthenticate/", "sessions/"),
    *(
        "password/change/",
        "password/reset/",
        "password/reset/done/",
        "password/reset/key/done/",
        "password/set/",
    ),
    *("2fa/", "2fa/authenticate/", "2fa/reauthenticate/", "2fa/totp/activate/", "2fa/totp/deactivate/"),
    *("2fa/recovery-codes/", "2fa/recovery-codes/generate/", "2fa/recovery-codes/download/"),
    *("2fa/webauthn/", "2fa/webauthn/add/", "2fa/webauthn/reauthenticate/", "2fa/webauthn/login/"),
    *("2fa/webauthn/keys/<int:pk>/remove/", "2fa/webauthn/keys/<int:pk>/edit/"),
    *("3rdparty/", "3rdparty/login/cancelled/", "3rdparty/login/error/"),
    *("oidc/<slug:provider_id>/login/", "oidc/<slug:provider_id>/login/callback/"),
}
REFUSED = {"signup/", "email/", "3rdparty/signup/"}  # named by allauth's views; answered 404


def test_only_the_pages_that_are_meant_are_there() -> None:
    (accounts,) = (each for each in get_resolver().url_patterns if str(each.pattern) == "accounts/")
    found = {path for path in paths(accounts.url_patterns) if not path.startswith("^")}
    assert found == WANTED | REFUSED


@pytest.mark.parametrize("path", sorted(REFUSED))
def test_nobody_can_sign_up(client: Client, path: str) -> None:
    for ask in (client.get, client.post):
        assert ask(f"/accounts/{path}", {"username": "eve", "password1": PASSWORD}).status_code == 404
    assert not User.objects.exists()


def test_the_admins_login_is_this_one(client: Client) -> None:
    answer = client.get("/admin/delivery/email/", follow=True)
    assert [where for where, _ in answer.redirect_chain] == [
        "/admin/login/?next=/admin/delivery/email/",
        "/accounts/login/?next=%2Fadmin%2Fdelivery%2Femail%2F",
    ]
    person(is_staff=True, is_superuser=True)
    assert client.post("/admin/login/", {"username": "anna", "password": PASSWORD}).status_code == 302
    assert user_of(client) is None
    assert log_in(client, next="/admin/delivery/email/")["Location"] == "/admin/delivery/email/"
    assert client.get("/admin/delivery/email/").status_code == 200


def test_a_login_of_the_version_before_goes_on(client: Client) -> None:
    user = person(is_staff=True, is_superuser=True)
    client.force_login(user, backend="delivery.access.passwords.LimitedBackend")
    assert client.get("/admin/").status_code == 200


def test_who_is_no_staff_is_told_so_and_may_leave(client: Client) -> None:
    person()
    log_in(client)
    answer = client.get("/admin/", follow=True)
    assert answer.status_code == 403
    assert "This page is not for you" in answer.content.decode()
    assert client.post("/accounts/logout/")["Location"] == LOGIN
    assert user_of(client) is None


def test_a_password_is_changed_in_one_place(client: Client) -> None:
    assert client.get("/admin/password_change/")["Location"] == "/accounts/password/change/"


@pytest.mark.parametrize(
    "where",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example",
        "http:evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https:///evil.example",
        "https://testserver@evil.example/",
        "https://localhost/",  # a host of ours, but not the one that was asked
        "javascript:alert(1)",
        "data:text/html,x",
        " https://evil.example",
        "\thttps://evil.example",
        "%2f%2fevil.example",
    ],
)
def test_no_login_leads_elsewhere(client: Client, where: str) -> None:
    person(is_staff=True)
    location = log_in(client, next=where)["Location"]
    assert location in {"/admin/", where}
    assert re.match(r"^(/(?![/\\])|%2f)", location)
    assert client.post("/accounts/logout/", {"next": where})["Location"] in {LOGIN, where}


@pytest.mark.parametrize(
    "path", ["/accounts/login/", "/accounts/password/reset/", "/accounts/2fa/", "/invite/x/"]
)
def test_the_policy_is_the_admins(client: Client, path: str) -> None:
    policy = client.get(path, follow=True)["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "form-action 'self'" in policy
    assert "default-src 'none'" in policy


def test_a_form_without_its_token_is_refused() -> None:
    client = Client(enforce_csrf_checks=True)
    person()
    assert log_in(client).status_code == 403
    for path in ("logout/", "password/reset/", "sessions/", "password/change/", "2fa/webauthn/login/"):
        assert client.post(f"/accounts/{path}").status_code in {302, 403}, path
    assert user_of(client) is None


def test_no_page_reverses_a_name_that_is_not_there() -> None:
    for name in ("account_signup", "account_email", "account_set_password", "mfa_index", "usersessions_list"):
        assert reverse(name).startswith("/accounts/")
    with pytest.raises(NoReverseMatch):
        reverse("account_request_login_code")


def test_every_page_of_a_person_is_drawn(client: Client) -> None:
    client.force_login(person(is_staff=True))
    for path in sorted(path for path in WANTED if "<" not in path):
        answer = client.get(f"/accounts/{path}")
        assert answer.status_code in {
            200,
            302,
            401,
            *([404] if "recovery" in path or "deactivate" in path else []),
        }, path
        assert answer["X-Frame-Options"] == "DENY"
