"""The far end of every adapter, and what it has received, told in one form by parsers that are not ours."""

import email
import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import getaddresses
from typing import Any

from providers.base import Provider
from providers.django import adapter
from providers.smtp import adapter as smtp
from providers.wire import http
from tests.providers import forms
from tests.providers.adapters import ANYMAIL, OVER_HTTP
from tests.providers.fault_server import FaultServer, Request
from tests.providers.smtp.mailbox import Mailbox

PATIENT = http.Timeouts(connect=2.0, read=5.0, total=10.0)
OURS = frozenset({"gomail_attempt", "gomail_email"})


@dataclass(frozen=True, kw_only=True)
class Received:
    """One mail as a far end has understood it."""

    envelope: set[str]  # who gets it
    shown: str = field(repr=False)  # all that a recipient could read
    sender: tuple[str, str]  # name and address
    to: list[tuple[str, str]]
    cc: list[tuple[str, str]]
    reply_to: list[tuple[str, str]]
    subject: str
    text: str
    html: str
    inline: dict[str, bytes]  # by content id
    files: dict[str, bytes]  # by name
    headers: dict[str, str]
    metadata: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)


FarEnd = Callable[[], Any]  # a context manager: the provider, and a function that returns what was received


def _over_http(name: str, read: Callable[[Request], Received]) -> FarEnd:
    adapter = (OVER_HTTP | ANYMAIL)[name]

    @contextmanager
    def open_end() -> Iterator[tuple[Provider, Callable[[], Received]]]:
        with FaultServer(adapter.accepted) as server:
            provider: Any = adapter.build(server.url, PATIENT)
            yield provider, lambda: read(server.received[-1])
            provider.close()

    return open_end


def _over_smtp(build: Callable[[int], Any]) -> FarEnd:
    @contextmanager
    def open_end() -> Iterator[tuple[Provider, Callable[[], Received]]]:
        with Mailbox() as mailbox:
            provider = build(mailbox.port)
            yield (
                provider,
                lambda: read_envelope(mailbox.envelopes[-1]),
            )
            provider.close()

    return open_end


def _mail(raw: bytes, envelope: set[str], **beside: Any) -> Received:
    """Read a MIME message with the standard library's parser."""
    mail = email.message_from_bytes(raw, policy=SMTP)
    assert isinstance(mail, EmailMessage)
    inline = [part for part in mail.walk() if part["Content-ID"]]
    files = [part for part in mail.walk() if part.get_content_disposition() == "attachment"]
    return Received(
        envelope=envelope,
        shown=raw.decode(),
        sender=_boxes(mail, "From")[0],
        to=_boxes(mail, "To"),
        cc=_boxes(mail, "Cc"),
        reply_to=_boxes(mail, "Reply-To"),
        subject=mail["Subject"],
        text=mail.get_body(("plain",)).get_content().replace("\r\n", "\n"),
        html=mail.get_body(("html",)).get_content().replace("\r\n", "\n").rstrip("\n"),
        inline={part["Content-ID"].strip("<>"): part.get_content() for part in inline},
        files={part.get_filename(): part.get_payload(decode=True) for part in files},
        headers={name.lower(): str(value) for name, value in mail.items()},
        **beside,
    )


def _boxes(mail: EmailMessage, name: str) -> list[tuple[str, str]]:
    return [(box.display_name, box.addr_spec) for box in mail[name].addresses] if mail[name] else []


def _ses(request: Request) -> Received:
    sent = request.json()
    envelope = {address for addresses in sent["Destination"].values() for address in addresses}
    metadata = {tag["Name"]: tag["Value"] for tag in sent["EmailTags"]}
    return _mail(b64decode(sent["Content"]["Raw"]["Data"]), envelope, metadata=metadata)


def _mailgun(request: Request) -> Received:
    fields = forms.fields(request)
    metadata = {name.removeprefix("v:"): value for name, value in fields if name.startswith("v:")}
    tags = [value for name, value in fields if name == "o:tag"]
    envelope = {value for name, value in fields if name == "to"}
    return _mail(forms.file(request)[1], envelope, metadata=metadata, tags=tags)


def _mandrill(request: Request) -> Received:
    sent = request.json()
    raw = sent["raw_message"].encode()
    told = email.message_from_bytes(raw, policy=SMTP)
    metadata, tags = json.loads(told["X-MC-Metadata"]), told["X-MC-Tags"].split(",")
    return _mail(raw, set(sent["to"]), metadata=metadata, tags=tags)


def _sendgrid(request: Request) -> Received:
    sent = request.json()
    (person,) = sent["personalizations"]
    bodies = {part["type"]: part["value"] for part in sent["content"]}
    files = [(file, b64decode(file["content"])) for file in sent["attachments"]]

    def boxes(found: list[dict[str, str]]) -> list[tuple[str, str]]:
        return [(box.get("name", ""), box["email"]) for box in found]

    everybody = [*person["to"], *person["cc"], *person["bcc"]]
    return Received(
        envelope={box["email"] for box in everybody},
        shown=json.dumps({**sent, "personalizations": [{**person, "bcc": []}]}, ensure_ascii=False),
        sender=boxes([sent["from"]])[0],
        to=boxes(person["to"]),
        cc=boxes(person["cc"]),
        reply_to=boxes(sent["reply_to_list"]),
        subject=sent["subject"],
        text=bodies["text/plain"],
        html=bodies["text/html"],
        inline={file["content_id"]: data for file, data in files if file["disposition"] == "inline"},
        files={file["filename"]: data for file, data in files if file["disposition"] == "attachment"},
        headers={name.lower(): value for name, value in sent["headers"].items()},
        metadata=sent["custom_args"],
        tags=sent["categories"],
    )


def _postmark(request: Request) -> Received:
    sent = request.json()
    files = [(file, b64decode(file["Content"])) for file in sent["Attachments"]]
    everybody = getaddresses([sent["To"], sent["Cc"], sent["Bcc"]])
    return Received(
        envelope={address for _, address in everybody},
        shown=json.dumps({**sent, "Bcc": ""}, ensure_ascii=False),
        sender=getaddresses([sent["From"]])[0],
        to=getaddresses([sent["To"]]),
        cc=getaddresses([sent["Cc"]]),
        reply_to=getaddresses([sent["ReplyTo"]]),
        subject=sent["Subject"],
        text=sent["TextBody"],
        html=sent["HtmlBody"],
        inline={file["ContentID"].removeprefix("cid:"): data for file, data in files if "ContentID" in file},
        files={file["Name"]: data for file, data in files if "ContentID" not in file},
        headers={header["Name"].lower(): header["Value"] for header in sent["Headers"]},
        metadata=sent["Metadata"],
        tags=[sent["Tag"]],
    )


READERS: dict[str, Callable[[Request], Received]] = {
    "ses": _ses, "sendgrid": _sendgrid, "mailgun": _mailgun, "mandrill": _mandrill, "postmark": _postmark,
}  # fmt: skip


def read_envelope(envelope: Any) -> Received:
    """Return what a mail server has received."""
    return _mail(envelope.content, set(envelope.rcpt_tos))


def _smtp(port: int) -> Provider:
    return smtp.SMTP(smtp.Config(host="127.0.0.1", port=port, security="none", timeouts=PATIENT))


def _django_smtp(port: int) -> Provider:
    options = {"host": "127.0.0.1", "port": port}
    path = "django.core.mail.backends.smtp.EmailBackend"
    return adapter.DjangoBackend(adapter.Config(backend=path, options=options))


FAR_ENDS: dict[str, FarEnd] = {
    **{name: _over_http(name, read) for name, read in READERS.items()},
    "smtp": _over_smtp(_smtp),
    "django_smtp": _over_smtp(_django_smtp),
}
