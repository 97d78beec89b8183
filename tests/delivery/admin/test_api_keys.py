"""Pages of keys: made with all their limits, shown once, rotated, revoked; and nobody gives more than he has."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from delivery.access import keys
from delivery.models import ApiKey, Email, Mailing, Member, Team
from tests.delivery.admin.pages import text
from tests.delivery.factories import queued

pytestmark = pytest.mark.django_db
PAGES = "/admin/delivery/apikey/"


def person(role: str = "", name: str = "anna") -> Client:
    """Somebody with this role in the team `shop`; without one, the operator."""
    cache.clear()
    user = User.objects.create_user(name, is_staff=True, is_superuser=not role)
    if role:
        Member.objects.create(team=Team.objects.get_or_create(name="shop")[0], user=user, role=role)
    client = Client()
    client.force_login(user)
    return client


def make(by: Client, **fields: Any) -> Any:
    return by.post(f"{PAGES}add/", {"team_name": "shop", "granted": ["emails.send"], **fields})


def test_a_key_is_made_and_shown_once_with_a_line_that_works_here() -> None:
    answer = make(
        person(),
        called="web",
        remark="server 2",
        senders="@example.org",
        places="192.0.2.0/24\n2001:db8::/32",
        days="30",
    )
    key, shown = ApiKey.objects.get(), answer.content.decode()
    token = next(word for word in shown.replace('"', " ").split() if word.startswith("gm_live_"))
    assert keys.find(token) == key
    assert (key.name, key.note, key.networks) == ("web", "server 2", ["192.0.2.0/24", "2001:db8::/32"])
    assert key.expires_at
    assert "curl http://testserver/api/v1/email-service/send-email/" in shown
    assert shown.count("me@example.org") == 10  # each to be read and to be copied
    assert f"export GOMAIL_KEY={token}" in shown
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("wrong", [{"places": "here"}, {"senders": "x"}, {"days": "0"}, {"called": "a\x00"}])
def test_what_is_no_right_makes_no_key(wrong: dict[str, str]) -> None:
    assert make(person(), **wrong).status_code == 200
    assert not ApiKey.objects.exists()


def test_the_page_of_a_key_shows_what_it_may_and_how_much_it_is_used() -> None:
    key, _ = keys.issue("shop", scopes=["send"], networks=["192.0.2.0/24"], name="web")
    key.days.create(day="2026-11-28", requests=1234)
    said = text(person().get(f"{PAGES}{key.pk}/change/"))
    for word in ("192.0.2.0/24", "web", "28 Nov · 1,234", "at the shell", "live"):
        assert word in said


def test_the_page_of_a_key_that_may_send_shows_programs_that_do_without_its_secret() -> None:
    key, token = keys.issue("shop", scopes=["send"], from_addresses=["@example.org"])
    answer = person().get(f"{PAGES}{key.pk}/change/")
    assert [each.name for each in answer.context["snippets"]] == ["curl", "Python", "Node", "PHP", "Go"]
    for snippet in answer.context["snippets"]:
        assert "http://testserver/api/v1/email-service/send-email/" in snippet.text
        assert "GOMAIL_KEY" in snippet.text
        assert "me@example.org" in snippet.text
    assert token.rsplit("_", 2)[1] not in answer.content.decode()


@pytest.mark.parametrize("fields", [{"scopes": ["emails.read"]}, {"revoked_at": "2026-11-28T00:00Z"}])
def test_a_key_that_may_not_send_shows_no_program(fields: dict[str, Any]) -> None:
    key, _ = keys.issue("shop", scopes=["send"])
    ApiKey.objects.filter(pk=key.pk).update(**fields)
    assert "GOMAIL_KEY" not in person().get(f"{PAGES}{key.pk}/change/").content.decode()


def test_a_key_is_changed_and_what_is_no_right_changes_nothing() -> None:
    key, _ = keys.issue("shop", scopes=["send"], name="web", networks=["192.0.2.0/24"])
    anna, page = person(), f"{PAGES}{key.pk}/edit/"
    assert "192.0.2.0/24" in anna.get(page).content.decode()
    asked = {"called": "app", "remark": "", "senders": "@example.org", "places": "", "ends": "2099-01-31"}
    for wrong in ({"places": "here"}, {"senders": "x"}, {"ends": "2020-01-01"}, {"ends": "soon"}):
        assert anna.post(page, asked | wrong).status_code == 200
    key.refresh_from_db()
    assert key.name == "web"
    assert anna.post(page, asked).status_code == 302
    key.refresh_from_db()
    assert (key.name, key.from_addresses, key.networks) == ("app", ["@example.org"], [])
    assert f"{key.expires_at:%Y-%m-%d %H:%M}" == "2099-01-31 00:00"
    anna.post(page, asked | {"ends": ""})
    key.refresh_from_db()
    assert key.expires_at is None


def test_a_key_is_rotated_and_both_pages_say_so() -> None:
    key, _ = keys.issue("shop", scopes=["send"])
    anna = person()
    assert "Make the successor" in anna.get(f"{PAGES}{key.pk}/rotate/").content.decode()
    said = text(anna.post(f"{PAGES}{key.pk}/rotate/", {"overlap": "24"}))
    successor = ApiKey.objects.get(successor_of=key)
    assert f"gm_live_{key.public_id} may" in said
    assert f"its successor is gm_live_{successor.public_id}" in text(anna.get(f"{PAGES}{key.pk}/change/"))
    assert f"successor of gm_live_{key.public_id}" in text(anna.get(f"{PAGES}{successor.pk}/change/"))
    again = anna.post(f"{PAGES}{key.pk}/rotate/", {"overlap": "0"})
    assert "has a successor already" in again.content.decode()
    assert ApiKey.objects.count() == 2


@pytest.mark.parametrize(("waiting", "status"), [("send", "queued"), ("cancel", "cancelled")])
def test_revoking_asks_what_becomes_of_what_waits(waiting: str, status: str) -> None:
    key, _ = keys.issue("shop", scopes=["send"])
    email = queued(team=key.team, key=key)
    anna = person()
    assert "1 email of this key waits" in text(anna.get(f"{PAGES}{key.pk}/revoke/"))
    anna.post(f"{PAGES}{key.pk}/revoke/", {"waiting": waiting})
    email.refresh_from_db()
    key.refresh_from_db()
    assert (email.status, bool(key.revoked_at)) == (status, True)


def test_revoking_names_the_mailings_that_have_no_emails_yet() -> None:
    key, _ = keys.issue("shop", scopes=["send"])
    june = Mailing.objects.create(
        team=key.team, key=key, name="June <b>", state="scheduled", recipient_count=7
    )
    anna = person()
    asked = anna.get(f"{PAGES}{key.pk}/revoke/").content.decode()
    assert "June &lt;b&gt;: scheduled, 7 recipients" in asked
    assert 'value="cancel"' in asked
    said = text(anna.post(f"{PAGES}{key.pk}/revoke/", {"waiting": "cancel"}, follow=True))
    assert "1 mailings are cancelled" in said
    june.refresh_from_db()
    assert june.state == "cancelled"


# Roles.


def test_a_developer_sees_and_rotates_own_keys_alone() -> None:
    others, _ = keys.issue("shop", scopes=["emails.send"])
    dan = person("developer")
    make(dan)
    own = ApiKey.objects.get(made_by__username="anna")
    listed = dan.get(PAGES).content.decode()
    assert own.public_id in listed
    assert others.public_id not in listed
    assert dan.post(f"{PAGES}{others.pk}/rotate/", {"overlap": "24"}).status_code == 404
    assert dan.post(f"{PAGES}{own.pk}/rotate/", {"overlap": "24"}).status_code == 200
    assert ApiKey.objects.get(successor_of=own).made_by == own.made_by


def test_nobody_rotates_a_key_that_may_more_than_himself() -> None:
    dan = person("developer")
    user = User.objects.get()
    strong, _ = keys.issue("shop", scopes=["erasure.write"], made_by=user)
    said = dan.post(f"{PAGES}{strong.pk}/rotate/", {"overlap": "24"}).content.decode()
    assert "scopes that you do not have: erasure.write" in said
    assert ApiKey.objects.count() == 1


def test_nobody_widens_a_key_that_may_more_than_himself() -> None:
    dan = person("developer")
    user = User.objects.get()
    strong, _ = keys.issue("shop", scopes=["erasure.write"], made_by=user, networks=["192.0.2.0/24"])
    page = f"{PAGES}{strong.pk}/edit/"
    for answer in (dan.get(page, follow=True), dan.post(page, {"places": ""}, follow=True)):
        assert "scopes that you do not have: erasure.write" in answer.content.decode()
    strong.refresh_from_db()
    assert strong.networks == ["192.0.2.0/24"]


@pytest.mark.parametrize("role", ["support", "viewer"])
def test_others_see_no_keys(role: str) -> None:
    keys.issue("shop", scopes=["emails.send"])
    assert person(role).get(PAGES).status_code == 403
    assert not Email.objects.exists()
