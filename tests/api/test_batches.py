"""Many emails in one request."""

import threading
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from delivery.access import keys
from delivery.access.scopes import Scope
from delivery.models import Email, Recipient, Tag
from delivery.queue.fairness import FairQueue
from delivery.workers import embedded
from tests import fakes

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]


def entry(number: int, **fields: Any) -> dict[str, Any]:
    to = [f"person{number}@example.org"]
    return {"from_address": "me@example.org", "to_addresses": to, "subject": f"Letter {number}", **fields}


def post(api: fakes.Api, entries: Any, key: str = "") -> Any:
    headers = {**api.headers, **({"Idempotency-Key": key} if key else {})}
    return api.client.post(
        fakes.V1 + "batches/", {"emails": entries}, content_type="application/json", headers=headers
    )


def test_every_email_of_a_batch_is_written_down_and_sent_by_a_worker(
    api: fakes.Api, ses: fakes.FakeVendor
) -> None:
    file = {"filename": "a.txt", "content": "QQ=="}
    response = post(api, [entry(number, tags=["news"], attachments=[file]) for number in range(5)])

    assert (response.status_code, response.json()["accepted"], response.json()["refused"]) == (202, 5, 0)
    assert [row["status"] for row in response.json()["results"]] == ["queued"] * 5
    assert (Email.objects.count(), Recipient.objects.count(), Tag.objects.count()) == (5, 5, 5)
    embedded.hand_over(threading.Event(), FairQueue())
    assert {email.status for email in Email.objects.all()} == {"sent"}
    assert {min(mail.recipients) for mail in ses.arrived()} == {f"person{n}@example.org" for n in range(5)}


def test_the_results_stand_in_the_order_of_the_request_and_each_for_itself(
    api: fakes.Api, settings: Any
) -> None:
    settings.GOMAIL_PROVIDERS = ("ses",)
    exe = {"filename": "setup.exe", "content": "TVo="}
    entries = [
        entry(0),
        entry(1, to_addresses=[]),
        "no object",
        entry(3, attachments=[exe]),
        entry(4, x=1),
        entry(5),
    ]
    rows = post(api, entries).json()["results"]

    assert [row["success"] for row in rows] == [True, False, False, False, False, True]
    assert [row.get("code") for row in rows[1:5]] == [
        "invalid_to_addresses", "invalid", "no_provider_can_carry", "invalid",
    ]  # fmt: skip
    assert [Email.objects.get(pk=rows[n]["id"]).subject for n in (0, 5)] == ["Letter 0", "Letter 5"]
    assert Email.objects.count() == 2


def test_a_batch_without_a_good_email_is_400_with_its_results(api: fakes.Api) -> None:
    response = post(api, [entry(0, to_addresses=[])])

    assert (response.status_code, response.json()["success"], len(response.json()["results"])) == (
        400,
        False,
        1,
    )


@pytest.mark.parametrize(
    ("entries", "code"), [([], "empty"), ({}, "wrong_type"), (None, "required"), ([{}] * 1001, "too_many")]
)
def test_what_is_no_batch_is_refused_whole(api: fakes.Api, entries: Any, code: str) -> None:
    response = post(api, entries)

    assert (response.status_code, response.json()["errors"][0]["code"]) == (400, code)


def test_a_thousand_emails_take_few_statements(api: fakes.Api) -> None:
    with CaptureQueriesContext(connection) as captured:
        response = post(api, [entry(number) for number in range(1000)])

    assert (response.json()["accepted"], Email.objects.count()) == (1000, 1000)
    assert len(captured) < 150


def test_a_batch_repeated_under_its_key_makes_no_second_emails(api: fakes.Api) -> None:
    entries = [entry(number) for number in range(3)]
    first, again = post(api, entries, "news"), post(api, entries, "news")

    assert first.json()["results"] == again.json()["results"]
    assert Email.objects.count() == 3


def test_a_batch_that_was_cut_off_is_completed_under_its_key(api: fakes.Api) -> None:
    post(api, [entry(0), entry(1)], "news")
    rows = post(api, [entry(0), entry(1), entry(2)], "news").json()["results"]

    assert [row["success"] for row in rows] == [True, True, True]
    assert Email.objects.count() == 3


def test_another_email_under_the_same_key_and_number_is_refused_alone(api: fakes.Api) -> None:
    post(api, [entry(0), entry(1)], "news")
    rows = post(api, [entry(0), entry(9)], "news").json()["results"]

    assert [row.get("code") for row in rows] == [None, "idempotency_key_reused"]


def test_a_batch_and_an_email_may_have_the_same_key(api: fakes.Api) -> None:
    post(api, [entry(0)], "one")
    headers = {**api.headers, "Idempotency-Key": "one"}
    single = api.client.post(
        fakes.V1 + "send-email/", entry(5), content_type="application/json", headers=headers
    )

    assert (single.status_code, Email.objects.count()) == (200, 2)


def test_a_sender_that_the_key_may_not_use_is_refused_alone(api: fakes.Api) -> None:
    token = keys.issue("shop", scopes=Scope.values, from_addresses=["@example.org"])[1]
    shop = fakes.Api(api.client, token)
    rows = post(shop, [entry(0), entry(1, from_address="me@other.example")]).json()["results"]

    assert [row.get("code") for row in rows] == [None, "sender_not_allowed"]


@pytest.mark.parametrize(
    "bodies",
    [
        [{"body": "x" * 1_000_000}] * 9,
        [{"body": "<p>" * 300_000}] * 10,
        [{"body": "<p>x", "text_body": "x" * 1_000_000}] * 9,
        [{"body": "é" * 500_000}] * 9,
    ],
    ids=["text", "html", "text beside html", "two bytes a letter"],
)
def test_the_bodies_of_a_batch_have_a_limit_together(api: fakes.Api, bodies: list[dict[str, str]]) -> None:
    response = post(api, [entry(number, **fields) for number, fields in enumerate(bodies)])

    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
    assert "several batches" in response.json()["message"]
    assert not Email.objects.exists()


def test_a_thousand_ordinary_letters_are_below_it(api: fakes.Api) -> None:
    response = post(api, [entry(number, body="x" * 8_000) for number in range(1000)])

    assert (response.status_code, response.json()["accepted"]) == (202, 1000)
