"""What one vendor's rules refuse goes to the next, passed over before it is asked or refused when it is."""

import gzip
import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import pytest
from django.utils import timezone

from delivery.models import Circuit, Email
from delivery.routing import configured
from delivery.sending import rounds
from tests import fakes
from tests.delivery import factories
from tests.providers.adapters import OVER_HTTP
from tests.providers.fault_server import Fault, FaultServer, answer

pytestmark = pytest.mark.django_db
VENDORS = tuple(OVER_HTTP)


class House:
    """Vendors on loopback, in the order in which they are named."""

    def __init__(self, stack: ExitStack, settings: Any) -> None:
        self.vendors = {name: stack.enter_context(FaultServer(OVER_HTTP[name].accepted)) for name in VENDORS}
        self._settings = settings

    def order(self, *names: str) -> None:
        self._settings.GOMAIL_PROVIDERS = names
        self._settings.PROVIDER_SECRETS = {
            **fakes.variables(self.vendors["ses"], self.vendors["sendgrid"]),
            "MAILGUN_API_KEY": "key",
            "MAILGUN_DOMAIN": "mail.example.org",
            "MAILGUN_BASE_URL": self.vendors["mailgun"].url,
            "MANDRILL_API_KEY": "key",
            "MANDRILL_BASE_URL": self.vendors["mandrill"].url,
        }

    def asked(self) -> list[str]:
        return [name for name, vendor in self.vendors.items() if vendor.received]


@pytest.fixture
def house(settings: Any) -> Iterator[House]:
    with ExitStack() as stack:
        yield House(stack, settings)
        for provider in configured.providers():
            provider.close()
    configured._build.cache_clear()


def sendgrid_400(field: str, message: str) -> Fault:
    return answer(400, {"errors": [{"message": message, "field": field, "help": None}]})


def ses_400(code: str, message: str) -> Fault:
    return answer(400, {"message": message}, {"x-amzn-ErrorType": code})


def mandrill_500(message: str) -> Fault:
    return answer(500, {"status": "error", "code": -2, "name": "ValidationError", "message": message})


OWN_RULES = [
    ("sendgrid", sendgrid_400("attachments.0.content", "The attachment content is required.")),
    ("sendgrid", sendgrid_400("attachments.0.type", "The attachment type cannot contain ';', or CRLF characters.")),
    ("sendgrid", sendgrid_400("subject", "The subject is required.")),
    ("sendgrid", sendgrid_400("custom_args", "The total size may not exceed 10,000 bytes.")),
    ("sendgrid", sendgrid_400("reply_to_list", "Each email address must be unique.")),
    ("sendgrid", sendgrid_400("categories", "The categories must be unique.")),
    ("sendgrid", sendgrid_400("headers.References", "The header is too long.")),
    ("sendgrid", sendgrid_400("personalizations", "Each unique email address should only be included once.")),
    ("sendgrid", sendgrid_400("content.2.type", "Unknown type.")),
    ("sendgrid", answer(413, {"errors": [{"message": "content too large", "field": None}]})),
    ("sendgrid", answer(413)),
    ("mailgun", answer(400, {"message": "Header name must be pure ASCII"})),
    ("mailgun", answer(400, {"message": "Send options (parameters starting with o:, h:, or v:) are limited to 16 kB"})),
    ("mailgun", answer(400, {"message": "Too many recipients, max is 1000"})),
    ("mailgun", answer(413, {"message": "Request Entity Too Large"})),
    ("mandrill", mandrill_500("Validation error: {\"message\":{\"raw_message\":\"too long\"}}")),
    ("ses", ses_400("MessageRejected", "Message length is more than 10485760 bytes long: '12000000'.")),
    ("ses", ses_400("MessageRejected", "Transaction failed: Duplicate header 'References'.")),
    ("ses", ses_400("MessageRejected", "Illegal filename: 'a.exe'. Attachment not supported.")),
    ("ses", ses_400("BadRequestException", "Header section too long")),
    ("ses", ses_400("BadRequestException", "1 validation error detected")),
    ("ses", answer(413, {"message": "Request entity too large"}, {"x-amzn-ErrorType": "RequestEntityTooLarge"})),
]  # fmt: skip


@pytest.mark.parametrize(("vendor", "refusal"), OWN_RULES, ids=range(len(OWN_RULES)))
def test_a_vendor_s_own_rule_is_not_the_end(
    api: fakes.Api, house: House, vendor: str, refusal: Fault
) -> None:
    following = "mailgun" if vendor != "mailgun" else "mandrill"
    house.order(vendor, following)
    house.vendors[vendor].default = refusal

    sent = api.send(subject="Hello")

    assert (sent.status_code, sent.json()["provider"]) == (200, following)
    attempts = list(Email.objects.get().attempts.values_list("provider", "outcome", "error"))
    assert attempts == [(vendor, "refused", "cannot_carry"), (following, "accepted", "")]
    assert not Circuit.objects.filter(state="open").exists()


def test_what_every_vendor_s_rules_refuse_has_failed(api: fakes.Api, house: House) -> None:
    house.order("sendgrid", "mailgun")
    house.vendors["sendgrid"].default = sendgrid_400("subject", "The subject is odd.")
    house.vendors["mailgun"].default = answer(400, {"message": "The subject is odd."})

    sent = api.send(subject="Hello")

    assert sent.status_code == 400
    assert (Email.objects.get().status, house.asked()) == ("failed", ["sendgrid", "mailgun"])


EMPTY = [{"filename": "stderr.log", "content": ""}]


def test_an_empty_file_passes_sendgrid_over_unasked(api: fakes.Api, house: House) -> None:
    house.order("sendgrid", "ses")
    sent = api.send(attachments=EMPTY)
    assert (sent.status_code, sent.json()["provider"], house.asked()) == (200, "ses", ["ses"])
    left_out = {"sendgrid": "sendgrid does not take an empty file: stderr.log"}
    assert Email.objects.get().left_out == left_out


def test_an_empty_file_for_sendgrid_alone_is_refused_with_the_reason(api: fakes.Api, house: House) -> None:
    house.order("sendgrid")
    sent = api.send(attachments=EMPTY)
    assert (sent.status_code, sent.json()["code"]) == (400, "no_provider_can_carry")
    assert "sendgrid does not take an empty file: stderr.log" in sent.json()["message"]
    assert (house.asked(), Email.objects.count()) == ([], 0)


@pytest.mark.parametrize("fields", [
    {"subject": ""}, {"metadata": {f"field_{number}": "Щ" * 255 for number in range(20)}},
    {"reply_to": ["help@example.org"] * 3}, {"tags": [f"tag {number}" for number in range(10)]},
    {"headers": {"References": " ".join(f"<{number}@support.example.org>" for number in range(300))}},
])  # fmt: skip
def test_what_ses_takes_sendgrid_takes_over(api: fakes.Api, house: House, fields: Any) -> None:
    house.order("ses", "sendgrid")
    house.vendors["ses"].default = fakes.SES_FAILING

    sent = api.send(**fields)

    assert (sent.status_code, sent.json()["provider"]) == (200, "sendgrid")
    (request,) = house.vendors["sendgrid"].received
    assert_within_the_published_rules(request.json())


def assert_within_the_published_rules(sent: Any) -> None:
    """https://github.com/twilio/sendgrid-oai, spec/json/tsg_mail_v3.json."""
    assert len(sent["subject"]) >= 1
    assert len(json.dumps(sent["custom_args"], ensure_ascii=False).encode()) <= 10_000
    assert all(part["value"] for part in sent["content"])
    for name, most in (("categories", 10), ("reply_to_list", 1000)):
        values = [str(value).lower() for value in sent.get(name, [])]
        assert len(values) == len(set(values)) <= most
    assert all(file["content"] and ";" not in file["type"] for file in sent.get("attachments", []))


def test_a_compressed_good_answer_is_good(api: fakes.Api, house: House) -> None:
    house.order("ses", "sendgrid")
    packed = gzip.compress(json.dumps({"MessageId": "0100-gz"}).encode())
    house.vendors["ses"].default = answer(200, packed, {"Content-Encoding": "gzip"})

    sent = api.send(on_ambiguous="stop")

    assert (sent.status_code, sent.json()["status"], house.asked()) == (200, "sent", ["ses"])
    assert Email.objects.get().attempts.get().provider_message_id == "0100-gz"


BUSY = {
    "ses": ({"message": "Maximum sending rate exceeded."}, {"x-amzn-ErrorType": "TooManyRequestsException"}),
    "sendgrid": ({"errors": [{"message": "too many requests", "field": None, "help": None}]}, {}),
    "mandrill": ({"status": "error", "name": "TooManyRequests", "message": "slow down"}, {}),
}


@pytest.mark.parametrize("vendor", BUSY)
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_vendor_is_left_alone_as_long_as_it_asks(
    api: fakes.Api, house: House, vendor: str, form: str
) -> None:
    house.order(vendor, "mailgun")
    body, headers = BUSY[vendor]
    named = (
        "120"
        if form == "seconds"
        else format_datetime(datetime.now(UTC) + timedelta(seconds=120), usegmt=True)
    )
    house.vendors[vendor].default = answer(429, body, {**headers, "Retry-After": named})

    assert api.send().json()["provider"] == "mailgun"

    pause = Circuit.objects.get(provider=vendor).paused_until
    assert pause is not None
    assert 60 < (pause - timezone.now()).total_seconds() <= 130
    assert api.send().json()["provider"] == "mailgun"
    assert len(house.vendors[vendor].received) == 1


@pytest.mark.parametrize("absurd", ["1" + "0" * 400, "-5", "nan", "soon"])
def test_an_absurd_wish_is_a_short_pause(api: fakes.Api, house: House, absurd: str) -> None:
    house.order("sendgrid", "mailgun")
    body, _ = BUSY["sendgrid"]
    house.vendors["sendgrid"].default = answer(429, body, {"Retry-After": absurd})

    assert api.send().json()["provider"] == "mailgun"

    pause = Circuit.objects.get(provider="sendgrid").paused_until
    assert pause is not None
    assert (pause - timezone.now()).total_seconds() <= 5


def test_a_scheduled_mail_is_dated_when_it_is_sent(providers: None, ses: fakes.FakeVendor) -> None:
    long_ago = timezone.now() - timedelta(hours=3)
    email = factories.queued(created_at=long_ago)

    rounds.dispatch(email.pk)

    (mail,) = ses.arrived()
    assert mail.mime is not None
    assert abs(parsedate_to_datetime(mail.mime["Date"]) - timezone.now()) < timedelta(minutes=5)


def test_one_round_is_one_mail_for_every_vendor(api: fakes.Api, house: House) -> None:
    """The same Date and the same Message-ID: whoever gets a second copy can tell that it is one."""
    house.order("ses", "mailgun")
    house.vendors["ses"].default = fakes.SES_FAILING
    api.send()
    (first,), (second,) = (house.vendors[name].received for name in ("ses", "mailgun"))
    raw = fakes._from_ses(first.json()).mime
    assert raw is not None
    for name in ("Date", "Message-ID"):
        assert f"{name}: {raw[name]}\r\n".encode() in second.body
