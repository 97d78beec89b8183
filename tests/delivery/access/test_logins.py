"""Passwords are checked a few at a time, and a few in a quarter of an hour; what is too much is not hashed."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, check_password, make_password
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.test import Client

from delivery.access import logins, seats
from delivery.access.tries import TooManyTries
from delivery.models import Tries

LOGIN = "/accounts/login/"


@pytest.fixture
def hashed(monkeypatch: Any) -> list[str]:
    """The passwords that were hashed."""
    found: list[str] = []

    def encode(self: Any, password: str, salt: str, iterations: int | None = None) -> str:
        found.append(password)
        return f"pbkdf2_sha256${iterations or self.iterations}${salt}${password}"

    monkeypatch.setattr(PBKDF2PasswordHasher, "encode", encode)
    return found


def wrong(client: Client, user: str = "anna", address: str = "192.0.2.1", **headers: Any) -> Any:
    return client.post(LOGIN, {"login": user, "password": "wrong"}, REMOTE_ADDR=address, **headers)


def try_once(address: str, user: str, *, right: bool = False) -> None:
    with logins.checked(address, user) as found:
        found.extend([True] if right else [])


@pytest.mark.django_db
@pytest.mark.parametrize("user", ["anna", "nobody"])
def test_the_eleventh_wrong_password_is_refused_before_it_is_hashed(hashed: list[str], user: str) -> None:
    User.objects.create_user("anna", password="right")
    hashed.clear()
    client = Client()
    assert [wrong(client, user).status_code for _ in range(10)] == [200] * 10
    assert len(hashed) == 10
    hashed.clear()
    assert [wrong(client, user).status_code for _ in range(20)] == [429] * 20
    assert hashed == []


@pytest.mark.django_db
def test_the_right_password_is_refused_too_while_it_is_locked(hashed: list[str]) -> None:
    User.objects.create_superuser("anna", password="right")
    client = Client()
    for _ in range(10):
        wrong(client)
    right = {"login": "anna", "password": "right"}
    assert client.post(LOGIN, right, REMOTE_ADDR="192.0.2.1").status_code == 429
    Tries.objects.update(until=F("until") - timedelta(minutes=15))
    assert client.post(LOGIN, right, REMOTE_ADDR="192.0.2.1").status_code == 302


@pytest.mark.django_db
def test_a_refusal_says_when_to_try_again(hashed: list[str]) -> None:
    client = Client()
    answer = [wrong(client) for _ in range(11)][-1]
    assert 14 * 60 < int(answer["Retry-After"]) <= 15 * 60
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_another_user_and_another_address_may_still_try(hashed: list[str]) -> None:
    client = Client()
    for _ in range(11):
        wrong(client)
    assert wrong(client, user="bea").status_code == 200
    assert wrong(client, address="192.0.2.2").status_code == 200


@pytest.mark.django_db
def test_an_address_that_tries_many_users_is_refused_as_well(hashed: list[str]) -> None:
    client = Client()
    statuses = [wrong(client, user=f"user{number}").status_code for number in range(52)]
    assert statuses == [200] * 50 + [429] * 2


@pytest.mark.django_db
def test_a_client_cannot_say_that_it_is_another(hashed: list[str]) -> None:
    client = Client()
    spoofed = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_CLIENT_IP")
    for number in range(10):
        wrong(client, **dict.fromkeys(spoofed, f"198.51.100.{number}"))
    assert wrong(client, HTTP_X_FORWARDED_FOR="198.51.100.200").status_code == 429


@pytest.mark.django_db
def test_behind_a_trusted_proxy_each_client_counts_for_itself(hashed: list[str], settings: Any) -> None:
    settings.GOMAIL_TRUSTED_PROXIES = ("10.0.0.5",)
    client = Client()
    for _ in range(10):
        wrong(client, address="10.0.0.5", HTTP_X_FORWARDED_FOR="203.0.113.9, 192.0.2.7")
    spoofed = wrong(client, address="10.0.0.5", HTTP_X_FORWARDED_FOR="203.0.113.77, 192.0.2.7")
    assert spoofed.status_code == 429
    assert wrong(client, address="10.0.0.5", HTTP_X_FORWARDED_FOR="192.0.2.8").status_code == 200


@pytest.mark.slow
@pytest.mark.django_db
def test_right_passwords_count_for_nothing(hashed: list[str]) -> None:
    User.objects.create_superuser("anna", password="right")
    for _ in range(60):
        answer = Client().post(LOGIN, {"login": "anna", "password": "right"})
        assert answer.status_code == 302


@pytest.mark.django_db
def test_letters_of_another_case_are_the_same_user() -> None:
    for name in ("anna", "ANNA", "Anna", "aNNa", "annA") * 2:
        try_once("192.0.2.1", name)
    with pytest.raises(TooManyTries):
        try_once("192.0.2.1", "anna")


@pytest.mark.django_db
@pytest.mark.parametrize("user", ["a\0b", "anna' OR 1=1 --", "\ud800", "x" * 30_000])
def test_hostile_names_are_nobodys(hashed: list[str], user: str) -> None:
    form = urlencode({"login": user, "password": "wrong"}, errors="surrogatepass")
    answer = Client().post(LOGIN, form, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200


@pytest.mark.django_db
def test_a_password_of_a_megabyte_is_not_hashed(hashed: list[str]) -> None:
    User.objects.create_user("anna", password="right")
    hashed.clear()
    answer = Client().post(LOGIN, {"login": "anna", "password": "x" * 1_000_000})
    assert (answer.status_code, hashed) == (200, [])


@pytest.mark.django_db
@pytest.mark.parametrize("user", ["anna", "anna@example.org", "unusable", "gone", "nobody"])
def test_every_wrong_login_is_the_same_work(hashed: list[str], user: str) -> None:
    User.objects.create_user("anna", "anna@example.org", password="right")
    User.objects.create_user("unusable")
    User.objects.create_user("gone", password="right", is_active=False)
    hashed.clear()
    wrong(Client(), user)
    assert len(hashed) == 1


@pytest.mark.django_db
def test_a_user_is_known_by_address_too_unless_two_have_it(hashed: list[str]) -> None:
    from django.contrib.auth import authenticate

    anna = User.objects.create_user("anna", "Anna@example.org", password="right")
    assert authenticate(None, username="anna@EXAMPLE.org", password="right") == anna
    User.objects.create_user("bea", "anna@example.org", password="right")
    assert authenticate(None, username="anna@example.org", password="right") is None
    named = User.objects.create_user("anna@example.org", password="right")
    assert authenticate(None, username="anna@example.org", password="right") == named


@pytest.mark.django_db(transaction=True)
def test_a_hundred_at_once_are_checked_one_by_one_and_few_wait() -> None:
    at_once, most = [0], [0]
    begun = threading.Event()

    def check(number: int) -> str:
        try:
            with logins.checked(f"192.0.2.{number}", "anna"):
                at_once[0] += 1
                most[0] = max(most[0], at_once[0])
                begun.wait(0.5)
                at_once[0] -= 1
        except TooManyTries:
            return "refused"
        finally:
            connection.close()
        return "checked"

    with ThreadPoolExecutor(100) as pool:
        found = list(pool.map(check, range(100)))
    assert most == [1]
    assert found.count("refused") >= 90


def test_whatever_hashes_a_password_does_it_in_a_seat(monkeypatch: Any) -> None:
    held: list[bool] = []

    def encode(self: Any, password: str, salt: str, iterations: int | None = None) -> str:
        held.append(seats._hashing.locked())
        return f"pbkdf2_sha256${iterations or self.iterations}${salt}$x"

    monkeypatch.setattr(PBKDF2PasswordHasher, "encode", encode)
    encoded = make_password("right")
    assert check_password("right", encoded)
    assert (held, seats._hashing.locked()) == ([True] * len(held), False)


@pytest.mark.django_db
def test_a_used_code_is_no_code() -> None:
    assert [logins.use_once("7", "123456") for _ in range(3)] == [True, False, False]
    assert logins.use_once("8", "123456")
