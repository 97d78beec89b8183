"""Passwords are checked a few at a time and a few a minute; what is too much is refused before it is hashed."""

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.test import Client

from delivery.access import logins
from delivery.access.logins import TooManyLogins

LOGIN = "/admin/login/"


@pytest.fixture(autouse=True)
def _counted_from_nothing() -> Iterator[None]:
    for allowance in (logins.by_user, logins.by_address):
        allowance.forget()
    yield
    for allowance in (logins.by_user, logins.by_address):
        allowance.forget()


@pytest.fixture
def hashed(monkeypatch: Any) -> list[str]:
    """The passwords that were hashed."""
    found: list[str] = []

    def encode(self: Any, password: str, salt: str, iterations: int | None = None) -> str:
        found.append(password)
        return f"pbkdf2_sha256$1${salt}${password}"

    monkeypatch.setattr(PBKDF2PasswordHasher, "encode", encode)
    return found


def wrong(client: Client, user: str = "anna", address: str = "192.0.2.1") -> Any:
    return client.post(LOGIN, {"username": user, "password": "wrong"}, REMOTE_ADDR=address)


def try_once(address: str, user: str, *, right: bool = False) -> None:
    with logins.checked(address, user) as found:
        found.extend([True] if right else [])


@pytest.mark.django_db
@pytest.mark.parametrize("user", ["anna", "nobody"])
def test_the_sixth_wrong_password_is_refused_before_it_is_hashed(hashed: list[str], user: str) -> None:
    User.objects.create_user("anna", password="right")
    hashed.clear()
    client = Client()
    assert [wrong(client, user).status_code for _ in range(5)] == [200] * 5
    assert hashed
    hashed.clear()
    assert [wrong(client, user).status_code for _ in range(20)] == [429] * 20
    assert hashed == []


@pytest.mark.django_db
def test_a_refusal_is_a_plain_line_that_says_when_to_try_again(hashed: list[str]) -> None:
    client = Client()
    answer = [wrong(client) for _ in range(6)][-1]
    assert answer["Content-Type"] == "text/plain"
    assert 1 <= int(answer["Retry-After"]) <= 12
    assert answer.content.decode() == f"Too many logins. Try again in {answer['Retry-After']} s."


@pytest.mark.django_db
def test_another_user_and_another_address_may_still_try(hashed: list[str]) -> None:
    client = Client()
    for _ in range(6):
        wrong(client)
    assert wrong(client, user="bea").status_code == 200
    assert wrong(client, address="192.0.2.2").status_code == 200


@pytest.mark.django_db
def test_an_address_that_tries_many_users_is_refused_as_well(hashed: list[str]) -> None:
    client = Client()
    statuses = [wrong(client, user=f"user{number}").status_code for number in range(22)]
    assert statuses == [200] * 20 + [429] * 2


@pytest.mark.django_db
def test_right_passwords_count_for_nothing() -> None:
    User.objects.create_superuser("anna", password="right")
    for _ in range(8):
        answer = Client().post(LOGIN, {"username": "anna", "password": "right"})
        assert (answer.status_code, answer["Location"]) == (302, "/accounts/profile/")


def test_who_waits_may_try_again(monkeypatch: Any) -> None:
    allowance = logins.Allowance(burst=2, every=0.05)
    for _ in range(2):
        assert allowance.refuse("anna") == 0
        allowance.count("anna")
    assert 0 < allowance.refuse("anna") <= 0.05
    time.sleep(0.06)
    assert allowance.refuse("anna") == 0


def test_letters_of_another_case_are_the_same_user() -> None:
    for name in ("anna", "ANNA", "Anna", "aNNa", "annA"):
        try_once("192.0.2.1", name)
    with pytest.raises(TooManyLogins):
        try_once("192.0.2.1", "anna")


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
        except TooManyLogins:
            return "refused"
        return "checked"

    with ThreadPoolExecutor(100) as pool:
        found = list(pool.map(check, range(100)))
    assert most == [1]
    assert found.count("refused") >= 90


def test_processes_count_together() -> None:
    child = os.fork()
    if not child:
        for _ in range(5):
            try_once("192.0.2.1", "anna")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    with pytest.raises(TooManyLogins):
        try_once("192.0.2.1", "anna")
