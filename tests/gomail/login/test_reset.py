"""A new password by a link in a mail: for who has the mailbox, once, for an hour; nobody learns who is here."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.test import Client
from django.utils import timezone

from delivery.models import Email
from gomail.login import mails
from tests.gomail.login.people import LOGIN, PASSWORD, link_in, log_in, person, user_of, with_app

pytestmark = pytest.mark.django_db

ASKED = "/accounts/password/reset/"
NEW = "staple battery horse"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: Any) -> None:
    monkeypatch.setattr(mails, "_EVEN", 0.0)


def ask(client: Client, address: str) -> Any:
    return client.post(ASKED, {"email": address})


def path_of(mail: Email) -> str:
    return link_in(mail.text_body).removeprefix("http://testserver")


def opened(client: Client, path: str) -> str | None:
    """Open a link; return where the form is, if it is valid."""
    answer = client.get(path)
    return answer["Location"] if answer.status_code == 302 else None


def set_to(client: Client, path: str, new: str = NEW) -> Any:
    where = opened(client, path)
    return where and client.post(where, {"password1": new, "password2": new})


def test_a_link_sets_another_password_once(client: Client) -> None:
    user = person()
    there = Client()
    log_in(there)
    assert ask(client, "Anna@Example.org")["Location"] == f"{ASKED}done/"
    mail = Email.objects.get()
    assert (mail.team, mail.priority, mail.recipients.get().address) == (None, "high", "anna@example.org")
    assert set_to(client, path_of(mail)).status_code == 302
    user.refresh_from_db()
    assert user.check_password(NEW)
    assert user_of(client) is None  # who has the mailbox has no second factor yet
    assert there.get("/accounts/sessions/").status_code == 302
    assert opened(client, path_of(mail)) is None


def test_the_second_factor_is_asked_after_it(client: Client) -> None:
    with_app(person())
    ask(client, "anna@example.org")
    set_to(client, path_of(Email.objects.get()))
    assert log_in(client, password=NEW)["Location"] == "/accounts/2fa/authenticate/"


def test_the_answer_is_the_same_whoever_has_the_address(client: Client) -> None:
    person()
    person("gone", is_active=False)
    answers = [ask(client, f"{name}@example.org") for name in ("anna", "gone", "nobody")]
    assert len({(answer.status_code, answer["Location"]) for answer in answers}) == 1
    assert [mail.recipients.get().address for mail in Email.objects.all()] == ["anna@example.org"]


def test_it_takes_the_same_time(client: Client, monkeypatch: Any) -> None:
    slept: list[float] = []
    monkeypatch.setattr(mails, "_EVEN", 100.0)
    monkeypatch.setattr(mails.time, "sleep", slept.append)
    person()
    for name in ("anna", "nobody"):
        ask(client, f"{name}@example.org")
    assert len(slept) == 2
    assert min(slept) > 50


def test_it_is_sent_to_the_address_as_it_is_stored(client: Client) -> None:
    User.objects.create_user("mike", "mike@example.org", PASSWORD)
    for typed in ("mıke@example.org", "MİKE@example.org", "MIKE@example.org"):
        ask(client, typed)
    assert [mail.recipients.get().address for mail in Email.objects.all()] == ["mike@example.org"]


def test_few_links_are_sent_to_an_address_and_for_one(client: Client) -> None:
    person()
    statuses = [ask(client, "anna@example.org").status_code for _ in range(4)]
    assert (statuses, Email.objects.count()) == ([302] * 3 + [429], 3)
    statuses = [ask(client, f"nobody{number}@example.org").status_code for number in range(8)]
    assert statuses == [302] * 7 + [429]


@pytest.mark.parametrize(
    "fields", [{"password": "other password"}, {"email": "b@example.org"}, {"last_login": timezone.now}]
)
def test_a_link_is_void_once_the_person_has_changed(client: Client, fields: dict[str, Any]) -> None:
    user = person()
    ask(client, "anna@example.org")
    for name, value in fields.items():
        setattr(user, name, value() if callable(value) else value)
    user.save()
    assert opened(client, path_of(Email.objects.get())) is None


def test_a_link_lasts_an_hour(client: Client, monkeypatch: Any) -> None:
    person()
    ask(client, "anna@example.org")
    path = path_of(Email.objects.get())
    for minutes, valid in ((59, True), (62, False)):
        later = datetime.now() + timedelta(minutes=minutes)  # noqa: DTZ005 - as Django counts it
        monkeypatch.setattr(PasswordResetTokenGenerator, "_now", lambda self, later=later: later)
        assert bool(opened(Client(), path)) == valid


def test_the_link_leads_to_the_public_address(client: Client, settings: Any) -> None:
    settings.GOMAIL_PUBLIC_URL = "https://mail.example.org"
    person()
    ask(client, "anna@example.org")
    assert link_in(Email.objects.get().text_body).startswith(
        "https://mail.example.org/accounts/password/reset/key/"
    )


def test_a_foreign_host_is_in_no_link(client: Client) -> None:
    person()
    answer = client.post(ASKED, {"email": "anna@example.org"}, HTTP_HOST="evil.example")
    assert (answer.status_code, Email.objects.count()) == (400, 0)


@pytest.mark.parametrize("key", ["1-x", "1-set-password", "zzzzzzzzzzzzz-x-y", "1-" + "x" * 100, "0-0"])
def test_a_made_up_link_is_none(client: Client, key: str) -> None:
    person()
    answer = client.get(f"{ASKED}key/{key}/", follow=True)
    assert "This link does not work" in answer.content.decode()


def test_who_cannot_be_written_to_learns_nothing_and_the_log_says_why(
    client: Client, settings: Any, caplog: Any
) -> None:
    settings.GOMAIL_QUEUE_MAX = 0
    person()
    assert ask(client, "anna@example.org")["Location"] == f"{ASKED}done/"
    assert Email.objects.count() or "was not accepted" in caplog.text


def test_the_person_is_led_to_the_login(client: Client) -> None:
    assert LOGIN in client.get(f"{ASKED}key/done/").content.decode()
