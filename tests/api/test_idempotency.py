"""Repeating a request under its Idempotency-Key."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from delivery.access import keys
from delivery.access.scopes import Scope
from delivery.content.drafts import Draft
from delivery.models import Email, IdempotencyKey
from delivery.submission import idempotency
from providers.message import Mailbox
from tests import fakes
from tests.providers.fault_server import answer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]
ORDER = {"from_address": "me@example.org", "to_addresses": ["ann@example.org"], "subject": "Your order"}


def post(api: fakes.Api, key: str, *, path: str = "send-email/", **fields: Any) -> Any:
    headers = {**api.headers, "Idempotency-Key": key}
    url = path if path.startswith("/") else fakes.V1 + path
    return api.client.post(url, {**ORDER, **fields}, content_type="application/json", headers=headers)


def upload(api: fakes.Api, key: str, content: bytes) -> Any:
    form = {"from_address": "me@example.org", "to_addresses": "ann@example.org", "subject": "Files"}
    file = SimpleUploadedFile("a.pdf", content, "application/pdf")
    headers = {**api.headers, "Idempotency-Key": key}
    return api.client.post(fakes.V1 + "send-email/", {**form, "file": file}, headers=headers)


def test_the_same_request_again_gets_the_same_answer_and_sends_nothing(
    api: fakes.Api, ses: fakes.FakeVendor
) -> None:
    first, second = post(api, "order-1"), post(api, "order-1")

    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert (len(ses.received), Email.objects.count()) == (1, 1)


def test_another_key_is_another_email(api: fakes.Api, ses: fakes.FakeVendor) -> None:
    assert post(api, "order-1").json()["id"] != post(api, "order-2").json()["id"]
    assert len(ses.received) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "Another order"},
        {"to_addresses": ["eve@example.org"]},
        {"to_addresses": ["Ann <ann@example.org>"]},
        {"bcc_addresses": ["eve@example.org"]},
        {"tags": ["x"]},
        {"metadata": {"order": "1"}},
        {"headers": {"X-Order": "1"}},
        {"on_ambiguous": "stop"},
        {"send_at": "2027-01-01T00:00:00Z"},
        {"attachments": [{"filename": "a.txt", "content": "QQ=="}]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_same_key_with_another_payload_is_422_and_sends_nothing(
    api: fakes.Api, ses: fakes.FakeVendor, change: Any
) -> None:
    post(api, "order-1")
    refused = post(api, "order-1", **change)

    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert (len(ses.received), Email.objects.count()) == (1, 1)


def test_the_files_of_a_form_are_part_of_the_request(api: fakes.Api, ses: fakes.FakeVendor) -> None:
    first, again, other = (
        upload(api, "files", b"%PDF 1"), upload(api, "files", b"%PDF 1"), upload(api, "files", b"%PDF 2"),
    )  # fmt: skip

    assert (first.json()["id"], other.status_code) == (again.json()["id"], 422)
    assert len(ses.received) == 1


def test_a_key_is_its_teams_alone(api: fakes.Api, ses: fakes.FakeVendor) -> None:
    other = fakes.Api(Client(), keys.issue("another shop", scopes=Scope.values)[1])

    assert post(api, "order-1").json()["id"] != post(other, "order-1").json()["id"]
    assert post(other, "order-1", subject="Else").status_code == 422


def test_two_keys_of_one_team_share_what_was_repeated(api: fakes.Api, ses: fakes.FakeVendor) -> None:
    rotated = fakes.Api(Client(), keys.issue("tests", scopes=Scope.values)[1])

    assert post(api, "order-1").json()["id"] == post(rotated, "order-1").json()["id"]


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "ümlaut"])
def test_what_is_no_key_is_400(api: fakes.Api, key: str) -> None:
    refused = post(api, key)

    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "Idempotency-Key")
    assert Email.objects.count() == 0


def test_a_refused_request_does_not_burn_its_key(api: fakes.Api) -> None:
    assert post(api, "order-1", to_addresses=[]).status_code == 403
    assert post(api, "order-1", cc_addresses="nobody").status_code == 400
    assert post(api, "order-1").status_code == 200


def test_a_message_that_its_provider_refused_is_answered_the_same_again(
    api: fakes.Api, ses: fakes.FakeVendor
) -> None:
    ses.default = fakes.SES_BAD_MESSAGE
    first, second = post(api, "order-1"), post(api, "order-1")

    assert (first.status_code, first.json()) == (400, second.json())
    assert len(ses.received) == 1


def test_the_short_form_knows_keys_too(api: fakes.Api, ses: fakes.FakeVendor) -> None:
    short = {
        "to": "ann@example.org", "to_name": "Ann", "from": "me@example.org", "from_name": "Me",
        "subject": "Hi", "body": "Hello",
    }  # fmt: skip
    headers = {**api.headers, "Idempotency-Key": "short-1"}
    answers = [
        api.client.post("/email", short, content_type="application/json", headers=headers) for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert len(ses.received) == 1


def test_while_the_first_request_is_running_the_second_is_told_to_wait(
    api: fakes.Api, monkeypatch: Any
) -> None:
    from providers.ses.adapter import SES

    real, answers = SES.send, []

    def send_and_repeat(self: SES, message: Any, attempt_id: str) -> Any:
        answers.append(post(api, "order-1"))
        return real(self, message, attempt_id)

    monkeypatch.setattr(SES, "send", send_and_repeat)
    first = post(api, "order-1")

    assert (first.status_code, answers[0].status_code) == (200, 409)
    assert (answers[0].json()["code"], answers[0].headers["Retry-After"]) == ("idempotency_key_in_use", "5")


def test_fifty_threads_with_one_key_make_one_mail(transactional_db: None, ses: fakes.FakeVendor) -> None:
    ses.default = answer(200, {"MessageId": "one"}, wait=0.3)
    token = keys.issue("crowd", scopes=Scope.values)[1]
    barrier = threading.Barrier(50)

    def one(_: int) -> tuple[int, str]:
        barrier.wait()
        try:
            response = post(fakes.Api(Client(), token), "the-one")
            return response.status_code, response.json().get("id", "")
        finally:
            connection.close()

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(one, range(50)))

    assert (len(ses.received), Email.objects.count(), IdempotencyKey.objects.count()) == (1, 1, 1)
    assert {status for status, _ in answers} <= {200, 409}
    assert len({pk for status, pk in answers if status == 200}) == 1


def test_a_key_that_was_used_before_an_update_is_known_after_it() -> None:
    draft = Draft(sender=Mailbox(address="a@example.org"), to=(Mailbox(address="b@example.org"),))
    ours = idempotency.use("1", None, draft=draft).fingerprint
    later = ("purpose", "unsubscribe", "template", "signature", "written_with", "signed_with")
    before = {field.name: getattr(draft, field.name) for field in fields(draft) if field.name not in later}
    assert idempotency._fingerprint({"draft": before}) == ours
    assert idempotency.use("1", None, draft=replace(draft, purpose="marketing")).fingerprint != ours
