"""One click: headers in the mail, a page that changes nothing, and a post that ends the list for its reader."""

import threading
import time
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client

from api import body_limit
from delivery.models import Email, Suppression, Team, UnsubscribeLink, WebhookMessage
from delivery.queue.fairness import FairQueue
from delivery.retention import prune
from delivery.sending import rounds
from delivery.suppressions import unsubscribing
from delivery.workers import embedded
from tests import fakes
from tests.delivery.webhooks.endpoints import endpoint

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers", "links")]
HTML = '<p>News</p><a href="{{ unsubscribe_url }}">Unsubscribe</a>'
BOUNDARY = "multipart/form-data; boundary=b"
MULTIPART = b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'


def path(mail: fakes.Arrived) -> str:
    return str(mail.mime["List-Unsubscribe"]).removeprefix("<https://mail.example.org").removesuffix(">")


def sent(api: fakes.Api, ses: fakes.FakeVendor, **fields: Any) -> str:
    """Return the path of the link of a mail that was sent."""
    assert api.send(**{"unsubscribe": "news", "html_body": HTML, **fields}).status_code == 200
    return path(ses.arrived()[-1])


@pytest.fixture
def browser() -> Client:
    return Client(enforce_csrf_checks=True)


def test_the_mail_has_both_headers_and_the_link_in_its_bodies(api: fakes.Api, ses: fakes.FakeVendor) -> None:
    link = f"https://mail.example.org{sent(api, ses)}"
    mail = ses.arrived()[0].mime
    raw = mail.as_bytes()
    assert f"List-Unsubscribe: <{link}>".encode() in raw.replace(b"\r\n ", b" ")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert f'href="{link}"' in mail.get_body(("html",)).get_content()
    assert link in mail.get_body(("plain",)).get_content()
    assert "{{" not in mail.as_string()


def test_mail_that_does_not_ask_for_it_has_neither(api: fakes.Api, ses: fakes.FakeVendor) -> None:
    api.send(body="{{ unsubscribe_url }}", purpose="marketing")
    mail = ses.arrived()[0].mime
    assert (mail["List-Unsubscribe"], mail["List-Unsubscribe-Post"]) == (None, None)
    assert "{{ unsubscribe_url }}" in mail.get_content()


def test_sendgrid_gets_them_too_and_its_own_tracking_is_off(
    api: fakes.Api, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    ses.default = fakes.SES_SUSPENDED
    api.send(unsubscribe=True, body="Hi")
    request = sendgrid.mails[0].json()
    assert request["headers"]["List-Unsubscribe"].startswith("<https://mail.example.org/u/")
    assert request["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert {name: value["enable"] for name, value in request["tracking_settings"].items()} == {
        "click_tracking": False,
        "open_tracking": False,
        "subscription_tracking": False,
    }
    api.send(body="Hi")
    assert "tracking_settings" not in sendgrid.mails[1].json()


def test_the_page_has_one_button_and_changes_nothing(
    api: fakes.Api, ses: fakes.FakeVendor, browser: Client
) -> None:
    link = sent(api, ses, unsubscribe="<b>news</b>")
    for verb in (browser.get, browser.head):
        page = verb(link)
        assert (page.status_code, page.cookies) == (200, {})
    page = browser.get(link)
    text = page.content.decode()
    assert text.count("<button") == text.count("<form") == 1
    assert "<script" not in text
    assert "ann@example.org" not in text
    assert "&lt;b&gt;news&lt;/b&gt;" in text
    assert not Suppression.objects.exists()
    assert {name: page.headers[name] for name in ("Cache-Control", "Referrer-Policy", "X-Frame-Options")} == {
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
    }
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"),
        (MULTIPART, BOUNDARY),
        (b"", "application/x-www-form-urlencoded"),
        (b"", ""),
        (b"no form at all", BOUNDARY),
        (b"{", "application/json"),
    ],
)
def test_a_post_of_any_form_unsubscribes_without_cookie_login_or_redirect(
    api: fakes.Api, ses: fakes.FakeVendor, browser: Client, body: bytes, content_type: str
) -> None:
    link = sent(api, ses)
    for _ in range(2):
        answer = browser.post(link, body, content_type=content_type)
        assert (answer.status_code, answer.cookies) == (200, {})
    entry = Suppression.objects.get()
    assert (entry.address, entry.kind, entry.scope, entry.source, entry.count) == (
        *("ann@example.org", "unsubscribe", "list:news", "link", 2),
    )
    assert entry.team.name == "tests"


def test_it_ends_its_list_and_nothing_else(api: fakes.Api, ses: fakes.FakeVendor, browser: Client) -> None:
    browser.post(sent(api, ses))
    assert api.send(unsubscribe="news").json()["code"] == "all_suppressed"
    for fields in ({}, {"unsubscribe": "other"}, {"unsubscribe": True}, {"purpose": "marketing"}):
        assert api.send(**fields).status_code == 200


def test_without_a_list_it_ends_marketing(api: fakes.Api, ses: fakes.FakeVendor, browser: Client) -> None:
    browser.post(sent(api, ses, unsubscribe=True))
    for fields in ({"unsubscribe": True}, {"purpose": "marketing"}, {"unsubscribe": "news"}):
        assert api.send(**fields).json()["code"] == "all_suppressed"
    for purpose in ("transactional", "essential"):
        assert api.send(purpose=purpose).status_code == 200


def test_what_waits_already_is_not_sent(api: fakes.Api, ses: fakes.FakeVendor, browser: Client) -> None:
    link = sent(api, ses)
    waiting = api.client.post(
        fakes.V1 + "send-email/",
        {"from_address": "me@example.org", "to_addresses": "ann@example.org", "unsubscribe": "news"},
        content_type="application/json",
        headers={**api.headers, "Prefer": "respond-async"},
    ).json()["id"]
    began = time.monotonic()
    browser.post(link)
    embedded.hand_over(threading.Event(), FairQueue())
    assert time.monotonic() - began < 1
    email = Email.objects.get(pk=waiting)
    assert (email.status, email.reason.partition(":")[0]) == ("failed", "all_suppressed")
    assert len(ses.mails) == 1


@pytest.mark.parametrize("change", ["x", "", "=", "%00", "/x"])
def test_what_is_no_link_is_not_found(
    api: fakes.Api, ses: fakes.FakeVendor, browser: Client, change: str
) -> None:
    link = sent(api, ses)
    bad = link[:-1] + change if change in ("x", "") else link + change
    assert (browser.get(bad).status_code, browser.post(bad).status_code) == (404, 404)
    assert not Suppression.objects.exists()


def test_another_installations_link_is_none(
    api: fakes.Api, ses: fakes.FakeVendor, browser: Client, settings: Any
) -> None:
    link = sent(api, ses)
    settings.GOMAIL_LINK_KEYS = ("another" * 5,)
    assert browser.post(link).status_code == 404


def test_it_works_when_the_email_has_been_pruned(
    api: fakes.Api, ses: fakes.FakeVendor, browser: Client
) -> None:
    link = sent(api, ses)
    email = Email.objects.get()
    prune.EMAILS.prune(Email.objects.filter(pk=email.pk))
    assert not Email.objects.exists()

    assert "news" in browser.get(link).content.decode()
    assert browser.post(link).status_code == 200
    assert Suppression.objects.get().address == "ann@example.org"
    assert UnsubscribeLink.objects.count() == 1


def test_it_is_answered_when_the_person_has_been_erased(
    api: fakes.Api, ses: fakes.FakeVendor, browser: Client
) -> None:
    link = sent(api, ses)
    Email.objects.all().delete()
    assert (browser.get(link).status_code, browser.post(link).status_code) == (200, 200)
    assert not Suppression.objects.exists()


def test_webhooks_are_told_once(api: fakes.Api, ses: fakes.FakeVendor, browser: Client) -> None:
    endpoint(team=Team.objects.get(name="tests"), events=["email.unsubscribed", "suppression.added"])
    link = sent(api, ses)
    for _ in range(2):
        browser.post(link)
    told = WebhookMessage.objects.order_by("kind").values_list("kind", "data__recipient", "data__address")
    assert list(told) == [
        ("email.unsubscribed", "ann@example.org", None),
        ("suppression.added", None, "ann@example.org"),
    ]


def test_other_methods_are_refused_and_large_bodies_are_not_read(
    api: fakes.Api, ses: fakes.FakeVendor, browser: Client
) -> None:
    link = sent(api, ses)
    assert browser.put(link).status_code == 405
    assert body_limit.most({"REQUEST_METHOD": "POST", "PATH_INFO": link}) == 4096


def test_while_the_database_is_away_it_says_when_to_come_again(
    api: fakes.Api, ses: fakes.FakeVendor, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(token: str) -> None:
        raise OperationalError

    link = sent(api, ses)
    monkeypatch.setattr(unsubscribing, "unsubscribe", away)
    answer = browser.post(link)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


@pytest.mark.parametrize("name", ["GOMAIL_PUBLIC_URL", "GOMAIL_LINK_KEYS"])
def test_what_the_installation_lacks_is_said(api: fakes.Api, settings: Any, name: str) -> None:
    setattr(settings, name, type(getattr(settings, name))())
    answer = api.send(unsubscribe=True)
    assert (answer.status_code, answer.json()["code"]) == (422, "unsubscribe_not_set_up")
    assert name in answer.json()["message"]
    assert not Email.objects.exists()
    rows = api.post(
        "batches/",
        {"emails": [{"from_address": "a@example.org", "to_addresses": "b@example.org", "unsubscribe": True}]},
    ).json()["results"]
    assert rows[0]["code"] == "unsubscribe_not_set_up"


def test_an_email_waits_while_its_link_cannot_be_made(api: fakes.Api, settings: Any) -> None:
    asked = {"from_address": "a@example.org", "to_addresses": "b@example.org", "unsubscribe": True}
    api.post("batches/", {"emails": [asked]})
    settings.GOMAIL_LINK_KEYS = ()
    email = rounds.dispatch(UUID(str(Email.objects.get().pk)))
    assert email
    assert (email.status, "GOMAIL_LINK_KEYS" in email.reason) == ("queued", True)


def test_the_check_names_what_is_missing(settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    settings.GOMAIL_PUBLIC_URL = ""
    call_command("check")
    assert "GOMAIL_PUBLIC_URL is not set" in capsys.readouterr().err
