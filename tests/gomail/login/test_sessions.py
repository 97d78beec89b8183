"""Sessions: new with each login, listed, ended one by one, and by another password."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.gomail.login.people import PASSWORD, log_in, person, user_of

pytestmark = pytest.mark.django_db

NEW = "staple battery horse"


def listed(client: Client) -> list[str]:
    rows = client.get("/accounts/sessions/").context["sessions"]
    return [str(row.pk) for row in rows if row.session_key != client.session.session_key]


def test_a_login_makes_a_session_of_its_own(client: Client) -> None:
    session = client.session
    session["planted"] = "by somebody else"
    session.save()
    person()
    log_in(client)
    assert client.session.session_key != session.session_key
    assert not Client(headers={"cookie": f"sessionid={session.session_key}"}).session.get("_auth_user_id")


def test_the_cookie_is_closed_to_scripts_and_other_sites(client: Client, settings: object) -> None:
    person()
    log_in(client)
    cookie = client.cookies["sessionid"]
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "Lax", True)
    assert 0 < int(cookie["max-age"]) <= 12 * 60 * 60


@pytest.mark.parametrize("path", ["/accounts/login/", "/admin/"])
@pytest.mark.parametrize("cookie", [r'"aaaaaaaaaaa\000"', r'"\377\376aaaaaaaaa"', "a" * 5000, "short"])
def test_a_cookie_that_can_be_no_session_is_none(client: Client, path: str, cookie: str) -> None:
    answer = client.get(path, headers={"cookie": f"sessionid={cookie}"})
    assert answer.status_code == (200 if path == "/accounts/login/" else 302)


def test_one_session_is_ended_and_the_others_go_on() -> None:
    person()
    here, there, elsewhere = clients = [Client() for _ in range(3)]
    for client in clients:
        log_in(client)
    first, _second = listed(here)
    here.post("/accounts/sessions/", {"session": first})
    assert [user_of(client) is None for client in (here, there, elsewhere)].count(True) == 1
    assert user_of(here)
    here.post("/accounts/sessions/")
    assert [bool(user_of(client)) for client in clients] == [True, False, False]


def test_nobody_ends_the_session_of_another() -> None:
    anna, bea = person(), person("bea")
    hers, his = Client(), Client()
    log_in(hers)
    log_in(his, "bea")
    from allauth.usersessions.models import UserSession

    row = UserSession.objects.get(user=bea)
    answer = hers.post("/accounts/sessions/", {"session": row.pk}, follow=True)
    assert "has ended already" in answer.content.decode()
    hers.post("/accounts/sessions/", {"session": "nonsense\0"})
    assert (user_of(his), user_of(hers)) == (str(bea.pk), str(anna.pk))


def test_another_password_ends_every_other_session() -> None:
    person()
    here, there = Client(), Client()
    log_in(here)
    log_in(there)
    old = there.cookies["sessionid"].value
    here.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW})
    assert here.get("/accounts/sessions/").status_code == 200
    there.cookies["sessionid"] = old
    assert there.get("/accounts/sessions/").status_code == 302
    assert User.objects.get().check_password(NEW)


@pytest.mark.parametrize("new", ["short", "password1234", "anna@example.org", "x" * 1025, "12345678901234"])
def test_a_weak_password_is_refused(client: Client, new: str) -> None:
    person()
    log_in(client)
    fields = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert client.post("/accounts/password/change/", fields).status_code == 200
    assert User.objects.get().check_password(PASSWORD)


def test_the_present_password_is_guessed_ten_times_at_most(client: Client) -> None:
    person()
    log_in(client)
    fields = {"oldpassword": "wrong", "password1": NEW, "password2": NEW}
    statuses = [client.post("/accounts/password/change/", fields).status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]


def test_who_confirms_it_is_limited_too(client: Client) -> None:
    person()
    log_in(client)
    statuses = [client.post("/accounts/reauthenticate/", {"password": "no"}).status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]
