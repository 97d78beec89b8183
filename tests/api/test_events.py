"""Vendors post events to a door of their own; clients read what became of their emails."""

import json
from base64 import b64encode
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from api import authentication, body_limit
from api.events import EventsIn
from delivery.events import record
from delivery.models import ProviderEvent, Team
from providers.events import CannotVerify
from providers.ses.certificates import Certificates
from tests import fakes, tellers
from tests.api.doors import PATH, accepted, posted, told
from tests.delivery.factories import under_way
from tests.tellers import NAMES, TELLERS, Said

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("vendors")]


@pytest.mark.parametrize("account", NAMES)
def test_a_signed_event_is_kept_without_a_key(account: str) -> None:
    attempt = accepted(account)
    answer = told(attempt)
    assert (answer.status_code, answer.json()["new"]) == (200, 1)
    assert attempt.email.recipients.get().status == "delivered"


@pytest.mark.parametrize("account", NAMES)
def test_the_same_post_again_changes_nothing(account: str) -> None:
    said = TELLERS[account].say(str(accepted(account).pk))
    answers = [posted(account, said) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1].json()["repeated"] == 1


def test_an_account_that_is_not_there_is_not_found() -> None:
    assert posted("postmark", Said(body=b"{}")).status_code == 404


@pytest.mark.parametrize("account", NAMES)
def test_without_a_key_the_vendor_must_repeat_it(account: str, settings: Any) -> None:
    settings.PROVIDER_SECRETS = {"AWS_SES_REGION": "eu-west-1"}
    answer = told(accepted(account))
    assert (answer.status_code, answer.json()["code"]) == (503, "event_not_verified")
    assert answer.headers["Retry-After"]


def test_without_the_certificate_the_vendor_must_repeat_it(monkeypatch: Any) -> None:
    def gone(self: Certificates, url: str) -> None:
        raise CannotVerify("The certificate cannot be had now.")

    monkeypatch.setattr(Certificates, "get", gone)
    assert told(accepted("ses")).status_code == 503


@pytest.mark.parametrize("account", NAMES)
def test_without_the_database_the_vendor_must_repeat_it(account: str, monkeypatch: Any) -> None:
    def away(*_: Any) -> None:
        raise OperationalError

    attempt = accepted(account)
    monkeypatch.setattr(record._recorded, "_action", away)
    assert told(attempt).status_code == 503


def test_a_vendor_may_look_whether_there_is_a_door() -> None:
    assert Client().head(PATH.format("mandrill")).status_code == 200
    assert Client().head(PATH.format("nobody")).status_code == 404
    assert Client().get(PATH.format("mandrill")).status_code == 405


def test_a_body_over_the_limit_is_not_read() -> None:
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": PATH.format("sendgrid")}
    assert body_limit.most(environ) == EventsIn.most_bytes == 4 * 1024 * 1024


def test_a_large_body_is_read_without_a_key_where_somebody_signs() -> None:
    paths = [
        PATH.format("sendgrid"),
        PATH.format("sendgrid").rstrip("/"),
        PATH.format("nobody"),
        fakes.V1 + "emails/",
    ]
    assert [authentication.admits({"PATH_INFO": path}) for path in paths] == [True, True, False, False]


def test_a_vendor_that_shows_a_user_and_a_password_is_taken(settings: Any) -> None:
    settings.GOMAIL_PROVIDERS = ("postmark=django",)
    settings.PROVIDER_SECRETS = {
        "POSTMARK_DJANGO_BACKEND": "anymail.backends.postmark.EmailBackend",
        "POSTMARK_DJANGO_EVENTS_OPTIONS": '{"webhook_secret": "gomail:secret"}',
    }
    attempt = accepted("postmark")
    told = {"RecordType": "Delivery", "MessageID": "m-1", "Recipient": tellers.ADDRESS, "Details": "250 ok"}
    told |= {"DeliveredAt": "2026-11-28T12:00:00Z", "Metadata": {"gomail_attempt": str(attempt.pk)}}
    right, wrong = (
        {"authorization": f"Basic {b64encode(word).decode()}"} for word in (b"gomail:secret", b"g")
    )
    statuses = [
        posted("postmark", Said(body=json.dumps(told).encode(), headers=auth)).status_code
        for auth in (wrong, right)
    ]
    assert (statuses, attempt.email.recipients.get().status) == ([403, 200], "delivered")


def test_a_post_of_the_vendors_own_that_makes_no_sense_is_taken_and_kept() -> None:
    message = TELLERS["ses"].message(str(accepted("ses").pk), "Delivery")
    message["delivery"] |= {"recipients": [None], "timestamp": "0001-01-01T00:00:00+14:00"}
    answer = posted("ses", Said(body=json.dumps(TELLERS["ses"].envelope(message)).encode()))
    assert (answer.status_code, answer.json()["other"]) == (200, 1)


def test_a_full_post_of_sendgrid_is_taken() -> None:
    teller = tellers.SendGrid()
    attempt = accepted("sendgrid")
    events = [
        teller.event(str(attempt.pk), "open", useragent="x" * 300, timestamp=n + 1) for n in range(1500)
    ]
    body = json.dumps(events).encode()
    assert len(body) > 700_000
    answer = posted("sendgrid", teller.sign(body))
    assert (answer.status_code, answer.json()["new"]) == (200, 1500)


def test_the_timeline_tells_of_attempts_and_events(api: fakes.Api) -> None:
    attempt = accepted("ses")
    told(attempt)
    page = api.get(f"emails/{attempt.email_id}/events/").json()
    assert [entry["kind"] for entry in page["results"]] == ["created", "attempt", "delivered"]
    delivered = page["results"][2]
    expected = {
        "provider": "ses",
        "attempt": str(attempt.pk),
        "recipient": tellers.ADDRESS,
        "detail": "250 ok",
    }
    assert {name: delivered[name] for name in expected} == expected
    assert (page["next"], page["previous"]) == (None, None)


def test_the_timeline_tells_what_settled_a_doubt(api: fakes.Api) -> None:
    attempt = under_way(outcome="unknown", status="unknown", lease_until=None, team=Team.objects.first())
    told(attempt)
    found = api.get(f"emails/{attempt.email_id}/").json()
    assert (found["status"], found["attempts"][0]["settled_by"]) == ("sent", "event:delivered")
    kinds = {
        entry["kind"]: entry["by"]
        for entry in api.get(f"emails/{attempt.email_id}/events/").json()["results"]
    }
    assert kinds["settled"] == "event:delivered"


def test_a_long_timeline_has_pages(api: fakes.Api) -> None:
    attempt = accepted("ses")
    told(attempt)
    path = f"emails/{attempt.email_id}/events/"
    first = api.get(path + "?page_size=2").json()
    assert (len(first["results"]), "page=2" in first["next"]) == (2, True)
    assert [api.get(path + query).status_code for query in ("?page=9", "?page=x", "?pages=1")] == [
        404,
        400,
        400,
    ]


def test_somebody_elses_timeline_is_not_found(api: fakes.Api) -> None:
    assert api.get("emails/0190a1b2-0000-7000-8000-000000000001/events/").status_code == 404
    assert api.get("emails/x/events/").status_code == 404


@pytest.mark.parametrize("status", ["delivered", "bounced"])
def test_emails_are_found_by_what_became_of_a_recipient(api: fakes.Api, status: str) -> None:
    attempt, other = accepted("ses"), accepted("ses")
    attempt.email.recipients.update(status=status)
    found = api.get(f"emails/?recipient_status={status}").json()["results"]
    assert [(email["id"], email["recipients"][0]["status"]) for email in found] == [
        (str(attempt.email_id), status)
    ]
    assert other.email.recipients.get().status == "pending"


def test_what_a_vendor_posts_is_kept_as_it_came() -> None:
    attempt = accepted("sendgrid")
    told(attempt)
    assert ProviderEvent.objects.get().raw["gomail_attempt"] == str(attempt.pk)
