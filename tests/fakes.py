"""The vendors' far ends on loopback, and a client of our own API. Everything between them is real."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from django.test import Client

from tests.providers.fault_server import FaultServer, Request, answer, closed_port

V1 = "/api/v1/email-service/"

# What the vendors answer when they will not have it: status and body as documented.
SES_UNVERIFIED = answer(
    400,
    {
        "message": "Email address is not verified. "
        "The following identities failed the check in region EU-WEST-1: me@example.org"
    },
    {"x-amzn-ErrorType": "MessageRejected"},
)
SES_SUSPENDED = answer(
    400, {"message": "Account is permanently restricted"}, {"x-amzn-ErrorType": "AccountSuspendedException"}
)
SES_THROTTLING = answer(
    429, {"message": "Maximum sending rate exceeded."}, {"x-amzn-ErrorType": "TooManyRequestsException"}
)
SES_FAILING = answer(
    500, {"message": "An error occurred"}, {"x-amzn-ErrorType": "InternalServerErrorException"}
)
SES_BAD_KEY = answer(
    403,
    {"message": "The security token included in the request is invalid."},
    {"x-amzn-ErrorType": "UnrecognizedClientException"},
)
SES_BAD_MESSAGE = answer(
    400, {"message": "Transaction failed: Invalid content"}, {"x-amzn-ErrorType": "MessageRejected"}
)
SENDGRID_DOWN = answer(503, {"errors": [{"message": "unavailable"}]})


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """A mail as a vendor got it."""

    recipients: set[str]  # the envelope
    attempt: str  # our id in the vendor's metadata
    mime: EmailMessage | None = None  # what SES got
    json: Any = None  # what SendGrid got


class FakeVendor(FaultServer):
    """A fault server that can read the mails it was given."""

    @property
    def mails(self) -> list[Request]:
        """Every request to send a mail; the worker asks other things beside."""
        return [request for request in self.received if request.method == "POST"]

    def arrived(self) -> list[Arrived]:
        """Return every mail whose request came in whole, however it was answered."""
        read = _from_ses if self.received and "outbound-emails" in self.received[0].path else _from_sendgrid
        return [read(request.json()) for request in self.received]


def ses() -> FakeVendor:
    """Return Amazon SES v2: it accepts."""
    return FakeVendor(default=answer(200, {"MessageId": "ses-message-id"}))


def sendgrid() -> FakeVendor:
    """Return SendGrid: it accepts."""
    return FakeVendor(default=answer(202, b"", {"X-Message-Id": "sendgrid-message-id"}))


def variables(ses: FaultServer | None, sendgrid: FaultServer | None) -> dict[str, str]:
    """Return the providers' variables for these servers; None: a port where nobody listens."""
    down = f"http://127.0.0.1:{closed_port()}"
    return {
        "AWS_SES_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test-access-key-id",
        "AWS_SECRET_ACCESS_KEY": "test-secret-access-key",
        "AWS_SES_ENDPOINT_URL": ses.url if ses else down,
        "SENDGRID_API_KEY": "SG.test-sendgrid-key",
        "SENDGRID_BASE_URL": sendgrid.url if sendgrid else down,
    }


@dataclass(frozen=True)
class Api:
    """GoMail's API as a client sees it."""

    client: Client
    token: str

    def send(self, **fields: Any) -> Any:
        """POST JSON to send-email/; a sender and a recipient are there unless given."""
        request = {"from_address": "me@example.org", "to_addresses": ["ann@example.org"], **fields}
        return self.post("send-email/", request)

    def send_form(self, **fields: Any) -> Any:
        """POST multipart/form-data to send-email/; files are files."""
        request = {"from_address": "me@example.org", "to_addresses": "ann@example.org", **fields}
        return self.client.post(V1 + "send-email/", request, headers=self.headers)

    def post(self, path: str, body: Any, content_type: str = "application/json") -> Any:
        """POST to a path below the API's root; bytes and str go as they are."""
        return self.client.post(V1 + path, body, content_type=content_type, headers=self.headers)

    def get(self, path: str, **parameters: Any) -> Any:
        """GET a path below the API's root."""
        return self.client.get(V1 + path, parameters, headers=self.headers)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


@contextmanager
def counted(server: FaultServer, expected: int) -> Iterator[None]:
    """Check how many whole requests a server gets meanwhile."""
    before = len(server.received)
    yield
    assert len(server.received) - before == expected


def _from_ses(body: Any) -> Arrived:
    mime = message_from_bytes(base64.b64decode(body["Content"]["Raw"]["Data"]), policy=policy.SMTP)
    tags = {tag["Name"]: tag["Value"] for tag in body["EmailTags"]}
    envelope = {box for boxes in body["Destination"].values() for box in boxes}
    return Arrived(recipients=envelope, attempt=tags["gomail_attempt"], mime=mime)


def _from_sendgrid(body: Any) -> Arrived:
    (person,) = body["personalizations"]
    envelope = {box["email"] for kind in ("to", "cc", "bcc") for box in person.get(kind, [])}
    custom = body.get("custom_args") or person["custom_args"]
    return Arrived(recipients=envelope, attempt=custom["gomail_attempt"], json=body)
