"""One request, every carrier, the same meaning: from the API to the far end, read by two readers.

Where our MIME arrives, both readers read it: the standard library's, and one written by hand that knows no RFC 2231.
What is described in JSON is read by its fields.
"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import pytest

from delivery.models import Email
from delivery.routing import configured
from tests import fakes
from tests.providers import forms, old_reader
from tests.providers.adapters import ANYMAIL, OVER_HTTP
from tests.providers.fault_server import FaultServer
from tests.providers.smtp.mailbox import Mailbox

pytestmark = pytest.mark.django_db
MIME = ("ses", "mailgun", "mandrill", "smtp", "house")
DESCRIBED = ("sendgrid", "postmark")
LEGS = (*MIME, *DESCRIBED)


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
        answer = self._api.send(**request)
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
        subject=mail["Subject"],
        text=texts["plain"].get_content().replace("\r\n", "\n") if texts["plain"] else "",
        html=texts["html"].get_content().replace("\r\n", "\n") if texts["html"] else "",
        files=[_file(part) for part in leaves if part.get_content_disposition()],
        headers=_headers(raw),
        calendar=b"".join(part.get_payload(decode=True) for part in calendars),
        reply_to=[box.addr_spec for box in mail["Reply-To"].addresses] if mail["Reply-To"] else [],
        **beside,
    )


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


def _sendgrid(sent: Any) -> Arrived:
    bodies = {part["type"]: part["value"] for part in sent["content"]}
    return Arrived(
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


def _postmark(sent: Any) -> Arrived:
    return Arrived(
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


@pytest.fixture(params=LEGS)
def leg(request: Any, api: fakes.Api, settings: Any) -> Iterator[Leg]:
    """One carrier after the other, alone."""
    with ExitStack() as stack:
        found = Leg(request.param, api, stack)
        settings.GOMAIL_PROVIDERS = (
            found.name if found.name in {*OVER_HTTP, "smtp"} else f"{found.name}=django",
        )
        settings.PROVIDER_SECRETS = found.variables()
        yield found
        close_all()


def close_all() -> None:
    for provider in configured.providers():
        provider.close()
    configured._build.cache_clear()


def attached(content: bytes, name: str, **more: str) -> dict[str, str]:
    return {"filename": name, "content": b64encode(content).decode(), **more}


CALENDAR = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:t7@shop.example\r\n"
    "SUMMARY:Tisch für zwei\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
).encode()


@pytest.mark.parametrize("body", ["See you there.\n", "<p>See you there.</p>"])
def test_an_invitation_is_one_for_calendars_and_a_file_for_others(leg: Leg, body: str) -> None:
    kind = "text/calendar; charset=utf-8; method=REQUEST"
    for mail in leg.send(body=body, attachments=[attached(CALENDAR, "invite.ics", content_type=kind)]):
        (file,) = mail.files
        assert (file.name, file.kind, file.content, file.shown) == (
            "invite.ics",
            "text/calendar",
            CALENDAR,
            False,
        )
        assert mail.calendar == (b"" if leg.name == "postmark" else CALENDAR)  # which has no place for it
        if leg.name != "sendgrid":  # refuses a type with a semicolon
            assert (file.parameters["method"], file.parameters["charset"]) == ("REQUEST", "utf-8")


def test_a_calendar_without_a_method_is_a_file(leg: Leg) -> None:
    for mail in leg.send(
        attachments=[attached(CALENDAR, "times.ics", content_type="text/calendar; charset=utf-8")]
    ):
        assert (mail.calendar, [file.name for file in mail.files]) == (b"", ["times.ics"])


TEXTS = {
    "utf-8": "Name;Ort\r\nMüller;Köln\r\nJanáček;Brno\r\n",
    "UTF-16": "Müller",
    "iso-8859-2": "Janáček",
    "windows-1251": "Отчёт",
    "shift_jis": "日本",
}


@pytest.mark.parametrize("charset", TEXTS)
def test_a_text_file_keeps_its_bytes_and_its_charset(leg: Leg, charset: str) -> None:
    content = TEXTS[charset].encode(charset)
    for mail in leg.send(
        attachments=[attached(content, "kunden.csv", content_type=f"text/csv; charset={charset}")]
    ):
        (file,) = mail.files
        assert (file.name, file.kind, file.content) == ("kunden.csv", "text/csv", content)
        if leg.name != "sendgrid":
            assert file.parameters["charset"].lower() == charset.lower()


FILENAMES = [
    "今日は世.txt",
    "Grüße aus Köln, Jö.pdf",
    "חשבונית 7.pdf",
    "Отчёт за год.xlsx",
    "a" * 140 + ".txt",
    "日" * 48 + ".txt",
    "naïve 🎉 (1).csv",
    "plain.bin",
]


@pytest.mark.parametrize("name", FILENAMES)
def test_a_file_name_is_whole_for_old_and_new_programs(leg: Leg, name: str) -> None:
    for mail in leg.send(attachments=[attached(b"x", name, content_type="application/x-thing")]):
        assert [file.name for file in mail.files] == [name]


@pytest.mark.parametrize("leg", [*MIME, "postmark"], indirect=True)
def test_an_empty_file_arrives(leg: Leg) -> None:
    for mail in leg.send(attachments=[attached(b"", "stderr.log")]):
        assert [(file.name, file.content) for file in mail.files] == [("stderr.log", b"")]


LOGO = attached(b"png", "logo.png", content_type="image/png", content_id="logo@shop")
INVOICE = attached(b"%PDF", "invoice.pdf", content_id="mytext")


@pytest.mark.parametrize(
    "reference", ["cid:logo@shop", "CID:logo@shop", "cid:logo%40shop", "cid:logo&#64;shop"]
)
def test_only_what_the_html_shows_is_inline(leg: Leg, reference: str) -> None:
    html = f'<p>Hello <img src="{reference}"></p>'
    for mail in leg.send(body=html, attachments=[INVOICE, LOGO]):
        found = {file.name: (file.shown, file.content_id) for file in mail.files}
        assert found == {"logo.png": (True, "logo@shop"), "invoice.pdf": (False, "")}


@pytest.mark.parametrize("body", ["<p>Your invoice is attached.</p>", "Your invoice is attached, cid:mytext"])
def test_what_nobody_refers_to_is_a_visible_attachment(leg: Leg, body: str) -> None:
    for mail in leg.send(body=body, attachments=[INVOICE]):
        assert [(file.name, file.shown, file.content_id) for file in mail.files] == [
            ("invoice.pdf", False, "")
        ]


BODIES = [
    "The build failed here:\n\n    if (a<b && c>d) go();\n\nPlease look.\n",
    "put a <br> after it\n",
    "Dear <name>,\nuse List<b> and Map<a, p>.\n",
    "1 < 2 > 0 <3 <someone@example.org>\n",
]


@pytest.mark.parametrize("body", BODIES)
def test_code_stays_text(leg: Leg, body: str) -> None:
    for mail in leg.send(body=body):
        assert (mail.text, mail.html) == (body, "")


@pytest.mark.parametrize("body", ["\ufeffHello\n", "\ufeff<p>Hello</p>"])
def test_no_byte_order_mark_arrives(leg: Leg, body: str) -> None:
    for mail in leg.send(body=body):
        assert "\ufeff" not in mail.text + mail.html
        assert "Hello" in (mail.html or mail.text)


@pytest.mark.parametrize("fields", [{}, {"subject": ""}, {"subject": " "}, {"subject": None}])
def test_a_mail_without_a_subject_arrives(leg: Leg, fields: Any) -> None:
    for mail in leg.send(**{"subject": "", **fields}):
        assert mail.subject.strip() == ""
        assert mail.subject or leg.name != "sendgrid"  # which refuses an empty one


def test_a_doubled_reply_to_is_named_once(leg: Leg) -> None:
    for mail in leg.send(reply_to=["help@example.org", "Help@example.org", "help@example.org"]):
        assert mail.reply_to == ["help@example.org"]


HEADERS = {
    "References": " ".join(f"<ticket-{number:03}.reply.4f3a9c@support.example.org>" for number in range(25)),
    "In-Reply-To": "<ticket-024.reply.4f3a9c@support.example.org>",
    "List-Unsubscribe": "<https://shop.example/u/YW5uQGV4YW1wbGUubmV0Cg==?list=3>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    "Auto-Submitted": "auto-generated",
}


def test_structured_headers_arrive_as_they_are(leg: Leg) -> None:
    for mail in leg.send(headers=HEADERS):
        assert {name: mail.headers[name.lower()] for name in HEADERS} == HEADERS


@pytest.mark.parametrize("count", [100, 300])
def test_a_thread_of_any_honest_length_arrives(leg: Leg, count: int) -> None:
    thread = " ".join(f"<{number:03}.reply.4f3a9c@support.example.org>" for number in range(count))
    for mail in leg.send(headers={"References": thread}):
        assert mail.headers["references"] == thread


@pytest.mark.parametrize("name", ["References", "List-Unsubscribe"])
def test_a_structured_header_that_is_not_ascii_is_refused(api: fakes.Api, name: str) -> None:
    answer = api.send(headers={name: "<https://example.org/ü>"})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "invalid_header")
    assert "ASCII" in answer.json()["errors"][0]["message"]


METADATA = {f"field_{number}": "Щ" * 255 for number in range(20)}


def test_much_metadata_never_keeps_a_mail(leg: Leg) -> None:
    for mail in leg.send(metadata=METADATA):
        kept = {name: value for name, value in mail.metadata.items() if not name.startswith("gomail")}
        assert kept.items() <= METADATA.items()
        ours = {"smtp": set(), "house": set(), "ses": {"gomail_attempt"}}
        assert {*mail.metadata} - {*kept} == ours.get(leg.name, {"gomail_attempt", "gomail_email"})
    if leg.name == "sendgrid":
        assert set(kept) == set(list(METADATA)[:18])
        assert len(json.dumps(mail.metadata, ensure_ascii=False).encode()) <= 10_000


def test_tags_are_whole_or_left_out(leg: Leg) -> None:
    sent = ["spring", "Frühling", "x" * 100, "a,b"]
    takes = {
        "sendgrid": sent, "postmark": ["spring"], "mandrill": ["spring"], "mailgun": ["spring", "x" * 100, "a,b"],
    }  # fmt: skip
    for mail in leg.send(tags=sent):
        assert mail.tags == takes.get(leg.name, [])


def test_a_name_of_an_intranet_is_reached(leg: Leg) -> None:
    """Each far end is on this machine, like a mail server of the house."""
    assert leg.send(to_addresses=["ann@firma.local"])
    assert Email.objects.get().recipients.get().address == "ann@firma.local"


def test_without_anybody_who_reaches_it_a_name_of_an_intranet_is_refused(
    api: fakes.Api, settings: Any
) -> None:
    settings.GOMAIL_PROVIDERS = ("ses", "sendgrid")
    settings.PROVIDER_SECRETS = {"AWS_SES_REGION": "eu-west-1", "SENDGRID_API_KEY": "SG.key"}
    answer = api.send(to_addresses=["ann@firma.local"])
    assert (answer.status_code, answer.json()["code"]) == (400, "no_provider_can_carry")
    assert "ses delivers on the internet, where firma.local is not" in answer.json()["message"]


def test_only_the_server_of_the_house_is_offered_it(api: fakes.Api, settings: Any) -> None:
    with Mailbox() as mailbox:
        settings.GOMAIL_PROVIDERS = ("ses", "smtp")
        settings.PROVIDER_SECRETS = {
            "AWS_SES_REGION": "eu-west-1",
            "SMTP_URL": f"smtp://127.0.0.1:{mailbox.port}",
        }
        answer = api.send(to_addresses=["ann@firma.local"])
        assert (answer.status_code, answer.json()["provider"]) == (200, "smtp")
        assert [envelope.rcpt_tos for envelope in mailbox.envelopes] == [["ann@firma.local"]]
        close_all()
