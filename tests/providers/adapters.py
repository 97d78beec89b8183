"""Every adapter that speaks HTTP, with what its vendor answers when it accepts a mail."""

from collections.abc import Callable
from dataclasses import dataclass

from providers.base import Provider
from providers.django import adapter
from providers.mailgun import adapter as mailgun
from providers.mandrill import adapter as mandrill
from providers.sendgrid import adapter as sendgrid
from providers.ses import adapter as ses
from providers.wire import http
from tests.providers import fault_server as faults

DOMAIN = "mail.example.org"


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """How to build one for a loopback address, and what it takes for a promise."""

    build: Callable[[str, http.Timeouts], Provider]
    accepted: faults.Fault
    message_id: str


def _ses(url: str, timeouts: http.Timeouts) -> Provider:
    keys = {"access_key_id": "AKID", "secret_access_key": "wJalr"}
    return ses.SES(ses.Config(region="eu-west-1", endpoint_url=url, timeouts=timeouts, **keys))


def _sendgrid(url: str, timeouts: http.Timeouts) -> Provider:
    return sendgrid.SendGrid(sendgrid.Config(api_key="SG.key", base_url=url, timeouts=timeouts))


def _mailgun(url: str, timeouts: http.Timeouts) -> Provider:
    return mailgun.Mailgun(mailgun.Config(api_key="key", domain=DOMAIN, base_url=url, timeouts=timeouts))


def _mandrill(url: str, timeouts: http.Timeouts) -> Provider:
    return mandrill.Mandrill(mandrill.Config(api_key="key", base_url=url, timeouts=timeouts))


def _django(vendor: str, **options: str) -> Callable[[str, http.Timeouts], Provider]:
    def build(url: str, timeouts: http.Timeouts) -> Provider:
        backend = f"anymail.backends.{vendor}.EmailBackend"
        config = adapter.Config(
            name=vendor, backend=backend, options={**options, "api_url": url}, timeouts=timeouts
        )
        return adapter.DjangoBackend(config)

    return build


ANYMAIL = {
    "postmark": Adapter(
        build=_django("postmark", server_token="pm-secret-token"),
        accepted=faults.answer(
            200, {"ErrorCode": 0, "Message": "OK", "MessageID": "m-1", "To": "ann@example.com"}
        ),
        message_id="m-1",
    ),
    "resend": Adapter(
        build=_django("resend", api_key="re-secret-key"),
        accepted=faults.answer(200, {"id": "m-1"}),
        message_id="m-1",
    ),
    "brevo": Adapter(
        build=_django("brevo", api_key="br-secret-key"),
        accepted=faults.answer(201, {"messageId": "m-1"}),
        message_id="m-1",
    ),
    "sparkpost": Adapter(
        build=_django("sparkpost", api_key="sp-secret-key"),
        accepted=faults.answer(
            200,
            {"results": {"total_rejected_recipients": 0, "total_accepted_recipients": 1, "id": "m-1"}},
        ),
        message_id="m-1",
    ),
}

OVER_HTTP = {
    "ses": Adapter(build=_ses, accepted=faults.answer(200, {"MessageId": "m-1"}), message_id="m-1"),
    "sendgrid": Adapter(
        build=_sendgrid, accepted=faults.answer(202, b"", {"X-Message-Id": "m-1"}), message_id="m-1"
    ),
    "mailgun": Adapter(
        build=_mailgun,
        accepted=faults.answer(200, {"id": "<m-1@x>", "message": "Queued. Thank you."}),
        message_id="m-1@x",
    ),
    "mandrill": Adapter(
        build=_mandrill,
        accepted=faults.answer(200, [{"email": "ann@example.com", "status": "sent", "_id": "m-1"}]),
        message_id="m-1",
    ),
}
