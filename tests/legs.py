"""One provider alone, with its far end: what is sent by the API, as it arrives, read by two readers.

Where our MIME arrives, both readers read it: the standard library's, and one written by hand that knows no RFC 2231.
What is described in JSON is read by its fields.
"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from delivery.routing import configured
from tests import fakes
from tests.providers import forms, old_reader
from tests.providers.adapters import ANYMAIL, OVER_HTTP
from tests.providers.fault_server import FaultServer
from tests.providers.smtp.mailbox import Mailbox

MIME = ("ses", "mailgun", "mandrill", "smtp", "house")
DESCRIBED = ("sendgrid", "postmark")
LEGS = (*MIME, *DESCRIBED)
LEFT_OUT = object()  # the value of a field that is not sent


@dataclass(frozen=True, kw_only=True)
class File:
    """One attachment as it arrived."""

    name: str
    kind: str
    content: bytes
    shown: bool = False  # in the HTML
    content_id: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """A mail as somebody reads it."""

    sender: tuple[str, str]  # name and address
    to: list[tuple[str, str]]
    subject: str
    text: str
    html: str
    files: list[File]
    headers: dict[str, str]  # as they stand in the mail, unfolded; names in lower case
    calendar: bytes = b""  # what stands beside the text
    reply_to: list[str] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)


class Leg:
    """One carrier alone, with its far end."""

    def __init__(self, name: str, api: fakes.Api, stack: ExitStack) -> None:
        self.name, self._api = name, api
        self.mailbox = stack.enter_context(Mailbox())
        adapter = (OVER_HTTP | ANYMAIL).get(name)
        self.vendor = stack.enter_context(FaultServer(adapter.accepted if adapter else None))

    def variables(self) -> dict[str, str]:
        url = self.vendor.url
        return {
            **fakes.variables(self.vendor, self.vendor),
            "MAILGUN_API_KEY": "key",
            "MAILGUN_DOMAIN": "mail.example.org",
            "MAILGUN_BASE_URL": url,
            "MANDRILL_API_KEY": "key",
            "MANDRILL_BASE_URL": url,
            "SMTP_URL": f"smtp://127.0.0.1:{self.mailbox.port}",
            "HOUSE_DJANGO_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "HOUSE_DJANGO_OPTIONS": json.dumps({"host": "127.0.0.1", "port": self.mailbox.port}),
            "POSTMARK_DJANGO_BACKEND": "anymail.backends.postmark.EmailBackend",
            "POSTMARK_DJANGO_OPTIONS": json.dumps({"server_token": "token", "api_url": url}),
        }

    def send(self, **fields: Any) -> list[Arrived]:
        """Send by the API; return the mail as each reader has read it."""
        request = {"subject": "Your order", "body": "It is on its way.\n", **fields}
        answer = self._api.send(**{name: value for name, value in request.items() if value is not LEFT_OUT})
        assert answer.status_code == 200, answer.content
        return self.arrived()

    def arrived(self) -> list[Arrived]:
        if self.name in DESCRIBED:
            (request,) = self.vendor.received
            return [(_sendgrid if self.name == "sendgrid" else _postmark)(request.json())]
        raw, beside = self._raw()
        return [_read_by_the_library(raw, beside), _read_by_hand(raw, beside)]

    def _raw(self) -> tuple[bytes, dict[str, Any]]:
        if self.name in {"smtp", "house"}:
            (envelope,) = self.mailbox.envelopes
            return envelope.content, {}
        (request,) = self.vendor.received
        if self.name == "mailgun":
            fields = forms.fields(request)
            metadata = {name[2:]: value for name, value in fields if name.startswith("v:")}
            tags = [value for name, value in fields if name == "o:tag"]
            return forms.file(request)[1], {"metadata": metadata, "tags": tags}
        sent = request.json()
        if self.name == "ses":
            metadata = {tag["Name"]: tag["Value"] for tag in sent["EmailTags"]}
            return b64decode(sent["Content"]["Raw"]["Data"]), {"metadata": metadata}
        raw = sent["raw_message"].encode()
        told = message_from_bytes(raw, policy=SMTP)
        tags = told["X-MC-Tags"].split(",") if told["X-MC-Tags"] else []
        return raw, {"metadata": json.loads(told["X-MC-Metadata"]), "tags": tags}


def _headers(raw: bytes) -> dict[str, str]:
    head = re.sub(r"\r\n(?=[ \t])", "", raw.partition(b"\r\n\r\n")[0].decode("ascii"))
    pairs = (line.partition(": ") for line in head.split("\r\n"))
    return {name.lower(): value.strip() for name, _, value in pairs}


def _read_by_the_library(raw: bytes, beside: dict[str, Any]) -> Arrived:
    mail = message_from_bytes(raw, policy=SMTP)
    assert isinstance(mail, EmailMessage)
    assert not [part.defects for part in mail.walk() if part.defects]
    texts = {kind: mail.get_body((kind,)) for kind in ("plain", "html")}
    leaves = [part for part in mail.walk() if not part.is_multipart()]
    calendars = [
        part for part in leaves if part.get_content_type() == "text/calendar" and not part.get_filename()
    ]
    return Arrived(
        sender=_boxes(mail["From"])[0],
        to=_boxes(mail["To"]),
        subject=mail["Subject"],
        text=texts["plain"].get_content().replace("\r\n", "\n") if texts["plain"] else "",
        html=texts["html"].get_content().replace("\r\n", "\n") if texts["html"] else "",
        files=[_file(part) for part in leaves if part.get_content_disposition()],
        headers=_headers(raw),
        calendar=b"".join(part.get_payload(decode=True) for part in calendars),
        reply_to=[box.addr_spec for box in mail["Reply-To"].addresses] if mail["Reply-To"] else [],
        **beside,
    )


def _boxes(header: Any) -> list[tuple[str, str]]:
    return [(box.display_name, box.addr_spec) for box in header.addresses] if header else []


def _file(part: Any) -> File:
    return File(
        name=part.get_filename(),
        kind=part.get_content_type(),
        content=part.get_payload(decode=True),
        shown=part.get_content_disposition() == "inline",
        content_id=(part["Content-ID"] or "").strip("<>"),
        parameters=dict(part["Content-Type"].params),
    )


def _read_by_hand(raw: bytes, beside: dict[str, Any]) -> Arrived:
    mail = old_reader.read(raw)
    leaves = mail.leaves()
    bodies = {part.kind: part for part in leaves if not part.disposition}
    calendar = bodies.get("text/calendar")
    return Arrived(
        sender=_boxes_by_hand(mail.headers["from"])[0],
        to=_boxes_by_hand(mail.headers.get("to", "")),
        subject=old_reader.decoded(mail.headers["subject"]),
        text=bodies["text/plain"].text if "text/plain" in bodies else "",
        html=bodies["text/html"].text if "text/html" in bodies else "",
        files=[
            File(
                name=part.name,
                kind=part.kind,
                content=part.content,
                shown=part.disposition == "inline",
                content_id=part.headers.get("content-id", "").strip("<>"),
                parameters=part.parameters,
            )
            for part in leaves
            if part.disposition
        ],
        headers=_headers(raw),
        calendar=calendar.content if calendar else b"",
        reply_to=re.findall(r"[^\s<>,]+@[^\s<>,]+", mail.headers.get("reply-to", "")),
        **beside,
    )


def _boxes_by_hand(value: str) -> list[tuple[str, str]]:
    """Return names and addresses; a name with a comma would be two here."""
    boxes = (box.strip().rpartition(" ") for box in value.split(",") if box.strip())
    return [(old_reader.decoded(name).strip('"'), address.strip("<>")) for name, _, address in boxes]


def _sendgrid(sent: Any) -> Arrived:
    bodies = {part["type"]: part["value"] for part in sent["content"]}
    (person,) = sent["personalizations"]
    return Arrived(
        sender=_boxes_of_sendgrid([sent["from"]])[0],
        to=_boxes_of_sendgrid(person["to"]),
        subject=sent["subject"],
        text=bodies.get("text/plain", ""),
        html=bodies.get("text/html", ""),
        files=[
            File(
                name=file["filename"],
                kind=file["type"],
                content=b64decode(file["content"]),
                shown=file["disposition"] == "inline",
                content_id=file.get("content_id", ""),
            )
            for file in sent.get("attachments", [])
        ],
        headers={name.lower(): value for name, value in sent["headers"].items()},
        calendar=bodies.get("text/calendar", "").encode(),
        reply_to=[box["email"] for box in sent.get("reply_to_list", [])],
        metadata=sent["custom_args"],
        tags=sent.get("categories", []),
    )


def _boxes_of_sendgrid(boxes: Any) -> list[tuple[str, str]]:
    return [(box.get("name", ""), box["email"]) for box in boxes]


def _postmark(sent: Any) -> Arrived:
    return Arrived(
        sender=_boxes_by_hand(sent["From"])[0],
        to=_boxes_by_hand(sent["To"]),
        subject=sent["Subject"],
        text=sent.get("TextBody", ""),
        html=sent.get("HtmlBody", ""),
        files=[
            File(
                name=file["Name"],
                kind=file["ContentType"].partition(";")[0],
                content=b64decode(file["Content"]),
                shown="ContentID" in file,
                content_id=file.get("ContentID", "").removeprefix("cid:"),
                parameters=dict(re.findall(r'([\w-]+)="?([^";]+)', file["ContentType"].partition(";")[2])),
            )
            for file in sent.get("Attachments", [])
        ],
        headers={header["Name"].lower(): header["Value"] for header in sent["Headers"]},
        reply_to=[box.strip() for box in sent["ReplyTo"].split(",")] if sent.get("ReplyTo") else [],
        metadata=sent["Metadata"],
        tags=[sent["Tag"]] if sent.get("Tag") else [],
    )


@contextmanager
def alone(name: str, api: fakes.Api, settings: Any) -> Iterator[Leg]:
    """Configure this provider, and no other."""
    with ExitStack() as stack:
        leg = Leg(name, api, stack)
        settings.GOMAIL_PROVIDERS = (name if name in {*OVER_HTTP, "smtp"} else f"{name}=django",)
        settings.PROVIDER_SECRETS = leg.variables()
        yield leg
        close_all()


def close_all() -> None:
    for provider in configured.providers():
        provider.close()
    configured._build.cache_clear()


def attached(content: bytes, name: str, **more: str) -> dict[str, str]:
    return {"filename": name, "content": b64encode(content).decode(), **more}
