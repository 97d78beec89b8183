"""The whole service between a client and two vendors: an emulator of Amazon SES that keeps every message whole
(moto, over HTTP), and SendGrid as a scripted loopback server.
"""

import base64
import json
import random
import urllib.request
from collections.abc import Iterator
from email import message_from_string, policy
from email.message import EmailMessage
from typing import Any

import boto3
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from moto.server import ThreadedMotoServer

from delivery.models import Attempt, Email
from delivery.queue.fairness import FairQueue
from providers.wire import http
from tests import fakes
from tests.providers.fault_server import closed_port, hang

pytestmark = pytest.mark.django_db

FILES = {
    "contract.docx": b"PK\x03\x04" + random.Random(1).randbytes(40_000),
    "invoice.pdf": b"%PDF-1.7\r\n" + random.Random(2).randbytes(90_000),
    "photo.jpg": b"\xff\xd8\xff\xe0" + random.Random(3).randbytes(120_000),
}


class Emulator:
    """Amazon SES as moto plays it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def verify(self, identity: str) -> None:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        boto3.client("sesv2", region_name="eu-west-1", endpoint_url=self.url, **keys).create_email_identity(
            EmailIdentity=identity
        )

    def mails(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.url}/moto-api/data.json") as answer:
            return json.load(answer).get("ses", {}).get("RawMessage", [])

    def reset(self) -> None:
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")).close()


@pytest.fixture(scope="module")
def moto_server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def emulator(moto_server: str, settings: Any, sendgrid: fakes.FakeVendor) -> Iterator[Emulator]:
    settings.GOMAIL_PROVIDERS = ("ses", "sendgrid")
    settings.PROVIDER_SECRETS = {**fakes.variables(None, sendgrid), "AWS_SES_ENDPOINT_URL": moto_server}
    emulator = Emulator(moto_server)
    emulator.verify("example.org")
    yield emulator
    emulator.reset()


def test_a_plain_text_arrives_at_ses_as_it_was_written(api: fakes.Api, emulator: Emulator) -> None:
    api.send(subject="Grüße", body="Hallo Ann,\r\nschöne Grüße\r\n")

    mail = parsed(emulator.mails()[0])
    assert mail["Subject"] == "Grüße"
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().replace("\r\n", "\n") == "Hallo Ann,\nschöne Grüße\n"


def test_html_arrives_with_a_text_that_keeps_its_links(api: fakes.Api, emulator: Emulator) -> None:
    html = '<h1>Hello</h1><p>See <a href="https://example.org/offer">our offer</a></p>'
    api.send(body=html)

    mail = parsed(emulator.mails()[0])
    assert mail.get_body(("html",)).get_content().strip() == html
    assert "https://example.org/offer" in mail.get_body(("plain",)).get_content()


def test_three_attachments_arrive_at_ses_byte_for_byte(api: fakes.Api, emulator: Emulator) -> None:
    answer = api.send_form(body="Three files", **uploads())

    assert answer.json()["provider"] == "ses"
    assert attachments(parsed(emulator.mails()[0])) == FILES


def test_an_unverified_sender_is_sent_by_sendgrid_with_every_byte(
    api: fakes.Api, emulator: Emulator, sendgrid: fakes.FakeVendor
) -> None:
    answer = api.send_form(
        from_address="me@unverified.example", subject="Files", body="Three files", **uploads()
    )

    assert (answer.status_code, answer.json()["provider"]) == (200, "sendgrid")
    assert emulator.mails() == []
    (mail,) = sendgrid.arrived()
    assert {f["filename"]: base64.b64decode(f["content"]) for f in mail.json["attachments"]} == FILES


@pytest.mark.parametrize(
    "refusal",
    [fakes.SES_UNVERIFIED, fakes.SES_SUSPENDED, fakes.SES_THROTTLING, fakes.SES_FAILING, fakes.SES_BAD_KEY],
    ids=["unverified sender", "suspended", "throttling", "failing", "bad key"],
)
def test_what_ses_does_not_take_arrives_at_sendgrid_once(
    refusal: Any, api: fakes.Api, providers: None, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    ses.default = refusal

    answer = api.send_form(subject="Files", body="<p>Three files</p>", **uploads())

    assert (answer.status_code, answer.json()["provider"]) == (200, "sendgrid")
    assert (len(ses.received), len(sendgrid.received)) == (1, 1)
    (mail,) = sendgrid.arrived()
    assert {f["filename"]: base64.b64decode(f["content"]) for f in mail.json["attachments"]} == FILES
    assert [part["type"] for part in mail.json["content"]] == ["text/plain", "text/html"]


def test_an_email_that_ses_cannot_be_reached_for_arrives_at_sendgrid_once(
    api: fakes.Api, providers: None, settings: Any, sendgrid: fakes.FakeVendor
) -> None:
    settings.PROVIDER_SECRETS = fakes.variables(None, sendgrid)

    answer = api.send(subject="Hello")

    assert answer.json()["provider"] == "sendgrid"
    assert len(sendgrid.received) == 1


def test_an_email_that_ses_took_and_never_answered_is_unknown_and_sent_nowhere_else(
    api: fakes.Api, providers: None, monkeypatch: Any, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    monkeypatch.setitem(http.Timeouts.__init__.__kwdefaults__, "read", 0.3)
    ses.default = hang()

    answer = api.send(subject="Hello")

    assert (answer.status_code, answer.json()["status"]) == (202, "unknown")
    assert (len(ses.received), len(sendgrid.received)) == (1, 0)
    email = Email.objects.get(pk=answer.json()["id"])
    assert (email.status, email.recipients.get().status) == ("unknown", "unknown")
    assert str(email.attempts.get().pk) == ses.arrived()[0].attempt


def test_with_both_down_the_email_is_kept_with_both_attempts(
    api: fakes.Api, providers: None, settings: Any, sendgrid: fakes.FakeVendor
) -> None:
    settings.PROVIDER_SECRETS = fakes.variables(None, None)

    answer = api.send(subject="Hello")

    assert (answer.status_code, answer.json()["success"], answer.json()["status"]) == (202, True, "queued")
    attempts = api.get(f"emails/{answer.json()['id']}/").json()["attempts"]
    assert [(a["provider"], a["outcome"]) for a in attempts] == [
        ("ses", "not_sent"),
        ("sendgrid", "not_sent"),
    ]


def test_a_message_that_ses_finds_bad_is_offered_to_nobody_else(
    api: fakes.Api, providers: None, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    ses.default = fakes.SES_BAD_MESSAGE

    answer = api.send(subject="Hello")

    assert (answer.status_code, answer.json()["code"], answer.json()["status"]) == (
        400,
        "refused_by_provider",
        "failed",
    )
    assert "Invalid content" in answer.json()["message"]
    assert sendgrid.received == []


def test_a_file_that_ses_blocks_goes_to_sendgrid_at_once(
    api: fakes.Api, providers: None, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    answer = api.send_form(subject="Setup", body="Run it", **{"setup.exe": SimpleUploadedFile("x", b"MZ")})

    assert answer.json()["provider"] == "sendgrid"
    assert ses.received == []
    assert Email.objects.get().left_out == {"ses": "ses does not take .exe files"}


def test_a_message_that_nobody_can_carry_is_refused_before_it_is_stored(
    api: fakes.Api, providers: None, settings: Any
) -> None:
    settings.GOMAIL_PROVIDERS = ("ses",)

    answer = api.send_form(body="Run it", **{"setup.exe": SimpleUploadedFile("x", b"MZ")})

    assert (answer.status_code, answer.json()["code"]) == (400, "no_provider_can_carry")
    assert ".exe" in answer.json()["message"]
    assert Email.objects.count() == 0


def test_our_attempt_id_travels_in_the_metadata_of_every_provider(
    api: fakes.Api, providers: None, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    ses.default = fakes.SES_FAILING

    answer = api.send(subject="Hello")

    ids = [str(pk) for pk in Attempt.objects.filter(email=answer.json()["id"]).values_list("pk", flat=True)]
    assert ids == [ses.arrived()[0].attempt, sendgrid.arrived()[0].attempt]


def test_the_row_of_an_attempt_is_durable_before_the_provider_hears_of_it(
    api: fakes.Api, providers: None, ses: fakes.FakeVendor, monkeypatch: Any, transactional_db: None
) -> None:
    from django.db import connection

    from providers.ses.adapter import SES

    seen: list[tuple[str, bool]] = []
    real = SES.send

    def send(self: SES, message: Any, attempt_id: str) -> Any:
        seen.append((Attempt.objects.get(pk=attempt_id).outcome, connection.in_atomic_block))
        return real(self, message, attempt_id)

    monkeypatch.setattr(SES, "send", send)
    api.send(subject="Hello")

    assert seen == [("started", False)]


def test_a_provider_that_is_closed_for_a_moment_is_tried_again_by_the_worker(
    api: fakes.Api, providers: None, settings: Any, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    import threading

    from delivery.workers import embedded

    port = closed_port()
    settings.PROVIDER_SECRETS = {
        **fakes.variables(None, None),
        "AWS_SES_ENDPOINT_URL": f"http://127.0.0.1:{port}",
    }
    email = Email.objects.get(pk=api.send(subject="Hello").json()["id"])
    assert email.status == "queued"

    settings.PROVIDER_SECRETS = fakes.variables(ses, sendgrid)
    Email.objects.filter(pk=email.pk).update(due_at=email.created_at)
    embedded.hand_over(threading.Event(), FairQueue())

    email.refresh_from_db()
    assert (email.status, email.provider, email.rounds) == ("sent", "ses", 2)
    assert len(ses.received) == 1


def uploads() -> dict[str, SimpleUploadedFile]:
    return {name: SimpleUploadedFile(name, content) for name, content in FILES.items()}


def parsed(raw: dict[str, Any]) -> EmailMessage:
    return message_from_string(raw["raw_data"], policy=policy.default)


def attachments(mail: EmailMessage) -> dict[str, bytes]:
    return {str(part.get_filename()): part.get_payload(decode=True) for part in mail.iter_attachments()}
