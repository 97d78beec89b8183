"""The second factor: codes of an app and recovery codes, each right once, and few may be guessed."""

import json
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from delivery.models import AuditEntry
from tests.gomail.login.people import PASSWORD, code, factors, log_in, person, user_of, with_app

pytestmark = pytest.mark.django_db

ASKED = "/accounts/2fa/authenticate/"
NONSENSE = [
    "",
    "nonsense",
    "{",
    "[" * 5000,
    '{"a":' * 5000,
    "1",
    "null",
    "[]",
    '"x"',
    '{"x": "' + "x" * 50_000 + '"}',
]
BYTES = "AAAA"
ODD: list[Any] = [
    {},
    {"id": "x"},
    {"id": BYTES, "rawId": BYTES, "type": "public-key", "response": {}},
    {"id": BYTES, "rawId": BYTES, "type": "public-key", "response": None},
    {"id": BYTES, "rawId": BYTES, "type": "public-key", "response": []},
    {
        "id": 1,
        "rawId": [],
        "type": {},
        "response": {"clientDataJSON": 1, "authenticatorData": 2, "signature": 3},
    },
    {
        "id": BYTES,
        "rawId": BYTES,
        "type": "public-key",
        "clientExtensionResults": {},
        "response": {
            "clientDataJSON": BYTES,
            "authenticatorData": BYTES,
            "signature": BYTES,
            "userHandle": BYTES,
            "attestationObject": BYTES,
        },
    },
]


def second(client: Client, given: str) -> int:
    return int(client.post(ASKED, {"code": given}).status_code)


def test_a_password_alone_is_not_enough(client: Client) -> None:
    secret = with_app(person())
    assert log_in(client)["Location"] == ASKED
    assert user_of(client) is None
    assert second(client, code(secret)) == 302
    assert user_of(client)


@pytest.mark.parametrize("shape", ["{}", " {} ", "{0:.3} {1}", "{0:.3}-{1}"])
def test_a_code_is_right_once_however_it_is_written(shape: str) -> None:
    secret = with_app(person())
    right = code(secret)
    first, again = Client(), Client()
    log_in(first)
    log_in(again)
    assert second(first, right) == 302
    cache.clear()  # another process has another one
    assert second(again, shape.format(right, right[3:])) == 200
    assert user_of(again) is None


def test_codes_of_half_a_minute_around_are_right() -> None:
    secret = with_app(person())
    for later in (-1, 1):
        client = Client()
        log_in(client)
        assert second(client, code(secret, later)) == 302


def test_a_sixth_guess_is_refused_wherever_it_comes_from() -> None:
    secret = with_app(person())
    statuses = []
    for number in range(6):
        client = Client(REMOTE_ADDR=f"192.0.2.{number}")
        log_in(client)
        statuses.append(second(client, "000000"))
    assert statuses == [200] * 5 + [429]
    client = Client()
    log_in(client)
    assert second(client, code(secret)) == 429


def test_right_codes_count_for_nothing() -> None:
    user = person()
    with_app(user)
    for right in RecoveryCodes.activate(user).get_unused_codes()[:8]:
        client = Client()
        log_in(client)
        assert second(client, right) == 302


def test_a_recovery_code_is_used_once() -> None:
    user = person()
    with_app(user)
    right = RecoveryCodes.activate(user).get_unused_codes()[0]
    for status in (302, 200):
        client = Client()
        log_in(client)
        assert second(client, right) == status


@pytest.mark.parametrize("given", ["", "\0", "0" * 60_000, "１２３４５６", "-1", "\u202e123456"])
def test_nonsense_is_no_code(client: Client, given: str) -> None:
    with_app(person())
    log_in(client)
    assert second(client, given) == 200


def test_the_page_of_codes_needs_a_password_first(client: Client) -> None:
    with_app(person())
    assert client.get(ASKED)["Location"] == "/accounts/login/"


def test_a_passkey_is_asked_for_by_a_challenge_of_the_session(client: Client) -> None:
    person()
    first, second = (
        client.get("/accounts/2fa/webauthn/login/", headers={"accept": "application/json"}).json()
        for _ in range(2)
    )
    challenges = [each["request_options"]["publicKey"]["challenge"] for each in (first, second)]
    assert challenges[0] != challenges[1]


@pytest.mark.parametrize("given", [*NONSENSE, *map(json.dumps, ODD)], ids=lambda given: given[:40])
@pytest.mark.parametrize("page", ["login/", "add/", "reauthenticate/", "../authenticate/"])
def test_what_no_key_says_is_refused(client: Client, page: str, given: str) -> None:
    user = person()
    if page == "../authenticate/":
        with_app(user)
        log_in(client)
    elif page != "login/":
        log_in(client)
        client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    asked = f"/accounts/2fa/webauthn/{page}".replace("webauthn/../", "")
    client.get(asked, headers={"accept": "application/json"})
    before = user_of(client)
    assert client.post(asked, {"credential": given, "name": "mine"}).status_code in {200, 302}
    assert (user_of(client), "webauthn" in factors(user)) == (before, False)


def test_secrets_are_encrypted_and_worth_nothing_without_the_key(settings: object) -> None:
    user = person()
    secret = with_app(user)
    stored = Authenticator.objects.get().data["secret"]
    assert secret not in stored
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another" * 10  # type: ignore[attr-defined]
    assert Authenticator.objects.get().wrap().validate_code(code(secret))
    settings.SECRET_KEY_FALLBACKS = []  # type: ignore[attr-defined]
    assert not Authenticator.objects.get().wrap().validate_code(code(secret, 1))


def test_the_operator_takes_a_lost_factor_away(client: Client) -> None:
    user, operator = person(), User.objects.create_superuser("root")
    with_app(user)
    client.force_login(operator)
    page = client.get("/admin/mfa/authenticator/").content.decode()
    assert "anna" in page
    assert Authenticator.objects.get().data["secret"] not in page
    client.post(f"/admin/mfa/authenticator/{Authenticator.objects.get().pk}/delete/", {"post": "yes"})
    assert factors(user) == []
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.object_id, entry.actor_name) == ("factor.removed", str(user.pk), "root")
