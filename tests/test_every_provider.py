"""The further providers in the place of the first and of the second, from the client's request to the far end."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from email import message_from_bytes, policy
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from delivery.models import Email
from delivery.routing import configured
from tests import fakes
from tests.providers import far_ends
from tests.providers.adapters import ANYMAIL, OVER_HTTP
from tests.providers.fault_server import FaultServer, answer, closed_port
from tests.providers.smtp.mailbox import Mailbox

pytestmark = pytest.mark.django_db
SHORT = {
    "to": "ann@example.com",
    "to_name": "Ann Lee",
    "from": "shop@example.org",
    "from_name": "Der Käseladen",
    "subject": "Grüße",
    "body": "<h1>Hello Ann</h1>",
}
MAILGUN_BUSY = answer(429, {"message": "Too many requests"})
PDF = b"%PDF-1.7\r\n" + bytes(range(256)) * 300


class House:
    """An installation with far ends of its own, in the order in which they are named."""

    def __init__(self, stack: ExitStack, settings: Any) -> None:
        self._stack, self._settings = stack, settings
        self.mailbox = stack.enter_context(Mailbox())
        self.vendors: dict[str, FaultServer] = {}

    def order(self, *words: str) -> None:
        """Use these providers, all of them working."""
        for name in (word.partition("=")[0] for word in words):
            if name in OVER_HTTP | ANYMAIL:
                far_end = FaultServer((OVER_HTTP | ANYMAIL)[name].accepted)
                self.vendors[name] = self._stack.enter_context(far_end)
        self._settings.GOMAIL_PROVIDERS = words
        self._settings.PROVIDER_SECRETS = self._variables()

    def _variables(self) -> dict[str, str]:
        urls = {name: vendor.url for name, vendor in self.vendors.items()}
        down = f"http://127.0.0.1:{closed_port()}"
        postmark = {"server_token": "token", "api_url": urls.get("postmark", down)}
        return {
            **fakes.variables(self.vendors.get("ses"), self.vendors.get("sendgrid")),
            "MAILGUN_API_KEY": "key",
            "MAILGUN_DOMAIN": "mail.example.org",
            "MAILGUN_BASE_URL": urls.get("mailgun", down),
            "MANDRILL_API_KEY": "key",
            "MANDRILL_BASE_URL": urls.get("mandrill", down),
            "SMTP_URL": f"smtp://127.0.0.1:{closed_port()}",
            "BACKUP_SMTP_URL": f"smtp://127.0.0.1:{self.mailbox.port}",
            "POSTMARK_DJANGO_BACKEND": "anymail.backends.postmark.EmailBackend",
            "POSTMARK_DJANGO_OPTIONS": json.dumps(postmark),
        }


@pytest.fixture
def house(settings: Any) -> Iterator[House]:
    with ExitStack() as stack:
        yield House(stack, settings)
        for provider in configured.providers():
            provider.close()
    configured._build.cache_clear()


def post_short(api: fakes.Api) -> Any:
    return api.client.post("/email", SHORT, content_type="application/json", headers=api.headers)


def tried() -> list[tuple[str, str]]:
    return list(Email.objects.get().attempts.values_list("provider", "outcome"))


def test_mailgun_carries_the_short_form(api: fakes.Api, house: House) -> None:
    house.order("mailgun", "mandrill")

    assert post_short(api).json() == {"message": "Email sent to recipients"}
    (request,) = house.vendors["mailgun"].received
    mail = far_ends._mailgun(request)
    assert (mail.sender, mail.envelope) == (("Der Käseladen", "shop@example.org"), {"ann@example.com"})
    assert (mail.subject, mail.html) == ("Grüße", SHORT["body"])
    assert house.vendors["mandrill"].received == []


def test_mandrill_carries_the_short_form_when_mailgun_is_throttling(api: fakes.Api, house: House) -> None:
    house.order("mailgun", "mandrill")
    house.vendors["mailgun"].default = MAILGUN_BUSY

    assert post_short(api).status_code == 200
    assert house.vendors["mandrill"].received[0].json()["to"] == ["ann@example.com"]
    assert [provider for provider, _ in tried()] == ["mailgun", "mandrill"]
    assert Email.objects.get().provider == "mandrill"


def test_mailgun_carries_the_short_form_when_mandrill_is_suspended(api: fakes.Api, house: House) -> None:
    house.order("mandrill", "mailgun")
    suspended = {
        "status": "error",
        "code": 10,
        "name": "PaymentRequired",
        "message": "The account is suspended",
    }
    house.vendors["mandrill"].default = answer(500, suspended)

    assert post_short(api).status_code == 200
    assert tried() == [("mandrill", "refused_temporarily"), ("mailgun", "accepted")]


def test_an_smtp_server_takes_over_with_every_byte(api: fakes.Api, house: House) -> None:
    house.order("ses", "backup=smtp")
    house.vendors["ses"].default = fakes.SES_FAILING

    upload = SimpleUploadedFile("Rechnung März.pdf", PDF, "application/pdf")
    sent = api.send_form(bcc_addresses="eve@example.net", body="Bitte sehr", attachment=upload)

    assert (sent.status_code, sent.json()["provider"]) == (200, "backup")
    (envelope,) = house.mailbox.envelopes
    mail = message_from_bytes(envelope.content, policy=policy.SMTP)
    assert set(envelope.rcpt_tos) == {"ann@example.org", "eve@example.net"}
    assert {part.get_filename(): part.get_content() for part in mail.iter_attachments()} == {
        "Rechnung März.pdf": PDF
    }
    assert b"eve@example.net" not in envelope.content


def test_an_anymail_backend_takes_over(api: fakes.Api, house: House) -> None:
    house.order("ses", "postmark=django")
    house.vendors["ses"].default = fakes.SES_SUSPENDED

    sent = api.send(subject="Grüße", body="Hallo", tags=["orders"])

    assert (sent.status_code, sent.json()["provider"]) == (200, "postmark")
    (request,) = house.vendors["postmark"].received
    assert (request.json()["Subject"], request.json()["TextBody"]) == ("Grüße", "Hallo")
    assert request.json()["Metadata"]["gomail_attempt"] == str(Email.objects.get().attempts.last().pk)


def test_the_walk_goes_down_the_whole_list(api: fakes.Api, house: House) -> None:
    house.order("ses", "sendgrid", "mailgun", "mandrill", "smtp", "postmark=django", "backup=smtp")
    for name, vendor in house.vendors.items():
        vendor.default = answer(401, {"message": "no"}) if name != "ses" else fakes.SES_BAD_KEY

    sent = api.send(subject="Hello")

    assert (sent.status_code, sent.json()["provider"]) == (200, "backup")
    assert [provider for provider, _ in tried()] == [
        "ses", "sendgrid", "mailgun", "mandrill", "smtp", "postmark", "backup",
    ]  # fmt: skip
    assert len(house.mailbox.envelopes) == 1
