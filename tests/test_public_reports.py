"""What people have reported of services like this one, each as a request and what is right.

The links are to the reports. Each holds at every provider that can carry it, unless it is refused. Reports of what
vendors answer (compressed, Retry-After as a date) are in test_failover_that_can_work.py.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from django.utils import timezone

from delivery.models import Email
from delivery.sending import rounds
from tests import fakes
from tests.api.wire import FORM, form, part
from tests.legs import LEFT_OUT, LEGS, Arrived, Leg, alone, attached
from tests.providers import forms

pytestmark = pytest.mark.django_db
NOT_SENDGRID = tuple(name for name in LEGS if name != "sendgrid")
PDF = b"%PDF-1.4 x"
CALENDAR = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Shop//Table 7//EN\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\n"
    "UID:t7@shop.example\r\nDTSTAMP:20261128T080000Z\r\nDTSTART:20261201T180000Z\r\nDTEND:20261201T200000Z\r\n"
    "SUMMARY:Tisch für zwei\r\nORGANIZER:mailto:shop@example.org\r\nATTENDEE;RSVP=TRUE:mailto:ann@example.net\r\n"
    "END:VEVENT\r\nEND:VCALENDAR\r\n"
).encode()
TABLE = "Name;Ort\r\nMüller;Köln\r\nJanáček;Brno\r\n".encode()
CODE = "The build failed here:\n\n    if (a<b && c>d) go();\n\nPlease look.\n"
THREAD = " ".join(f"<ticket-{number:03}.reply.4f3a9c@support.example.org>" for number in range(25))
LAST = "<ticket-024.reply.4f3a9c@support.example.org>"
LINK = "<https://shop.example/u/YW5uQGV4YW1wbGUubmV0Cg==?list=3>"
METADATA = {f"field_{number}": "Щ" * 255 for number in range(20)}
ANN, BOB = "ann@example.net", "bob@example.net"


@dataclass(frozen=True, kw_only=True)
class Report:
    """A request, and the mail that it means."""

    title: str
    sources: tuple[str, ...]
    fields: Mapping[str, Any]
    legs: tuple[str, ...] = LEGS
    mail: Mapping[str, Any] = field(default_factory=dict)  # of Arrived
    files: tuple[Mapping[str, Any], ...] = ()  # of File; what is not named here is not compared
    parameters: Mapping[str, str] = field(
        default_factory=dict
    )  # of the first file's type, where there is room


REPORTS = [
    Report(
        title="an invitation keeps its method",
        sources=(
            "https://github.com/resend/resend-node/issues/198",
            "https://github.com/sendgrid/sendgrid-nodejs/issues/1138",
            "https://github.com/ActiveCampaign/postmark-rails/issues/98",
        ),
        fields={
            "attachments": [
                attached(CALENDAR, "invite.ics", content_type="text/calendar; charset=utf-8; method=REQUEST")
            ]
        },
        files=({"name": "invite.ics", "kind": "text/calendar", "content": CALENDAR},),
        parameters={"method": "REQUEST"},
    ),
    Report(
        title="a file of no bytes arrives",
        sources=(
            "https://github.com/openanalytics/shinyproxy/issues/551",
            "https://github.com/bbottema/simple-java-mail/issues/169",
        ),
        fields={"attachments": [attached(b"", "stderr.log")]},
        legs=NOT_SENDGRID,  # which takes none, and is passed over: test_failover_that_can_work.py
        files=({"name": "stderr.log", "content": b""},),
    ),
    Report(
        title="a table keeps the charset that was declared",
        sources=(
            "https://github.com/roundcube/roundcubemail/issues/7949",
            "https://github.com/odoo/odoo/pull/184295",
        ),
        fields={"attachments": [attached(TABLE, "kunden.csv", content_type="text/csv; charset=utf-8")]},
        files=({"name": "kunden.csv", "kind": "text/csv", "content": TABLE},),
        parameters={"charset": "utf-8"},
    ),
    Report(
        title="a Japanese file name has a second one for programs that do not read RFC 2231",
        sources=(
            "https://github.com/jstedfast/MailKit/issues/1041",
            "https://github.com/jstedfast/MailKit/issues/277",
            "https://github.com/go-mail/mail/issues/11",
        ),
        fields={"attachments": [attached(b"x", "今日は世.txt", content_type="text/plain")]},
        legs=("ses", "mailgun", "mandrill", "smtp", "house"),
        files=({"name": "今日は世.txt"},),
        parameters={"name": "今日は世.txt"},
    ),
    Report(
        title="a mark of direction in a Hebrew file name goes, the mail does not",
        sources=("https://github.com/freescout-help-desk/freescout/issues/2123",),
        fields={"attachments": [attached(PDF, "חשבונית\u200f 7.pdf")]},
        files=({"name": "חשבונית 7.pdf", "kind": "application/pdf", "content": PDF},),
    ),
    Report(
        title="a PDF with a content_id that the HTML does not mention stays visible",
        sources=(
            "https://github.com/Sicos1977/MSGReader/issues/215",
            "https://github.com/jstedfast/MimeKit/issues/141",
        ),
        fields={
            "body": "<p>Your invoice is attached.</p>",
            "attachments": [attached(PDF, "invoice.pdf", content_id="mytext")],
        },
        files=({"name": "invoice.pdf", "shown": False},),
    ),
    Report(
        title="a line of code stays text",
        sources=("https://github.com/DougHennig/SFMail/issues/4",),
        fields={"body": CODE},
        mail={"text": CODE, "html": ""},
    ),
    Report(
        title="without a subject every vendor gets the mail",
        sources=(
            "https://github.com/sklarsa/django-sendgrid-v5/issues/20",
            "https://github.com/migadu/alps/issues/48",
            "https://github.com/pallets-eco/flask-mail/pull/82",
        ),
        fields={"subject": LEFT_OUT},
        mail={"text": "b"},
    ),
    Report(
        title="the line end of a template behind the subject goes",
        sources=("https://github.com/sklarsa/django-sendgrid-v5/issues/20",),
        fields={"subject": "Reset your password\n"},
        mail={"subject": "Reset your password"},
    ),
    Report(
        title="a name that is encoded as the documents of AWS ask is shown decoded",
        sources=(
            "https://github.com/aws/aws-sdk-js/issues/1585",
            "https://github.com/eleith/emailjs/issues/152",
        ),
        fields={"from_address": "=?UTF-8?B?TcO8bGxlcg==?= <mueller@example.org>"},
        mail={"sender": ("Müller", "mueller@example.org")},
    ),
    Report(
        title="the same with quotes around it",
        sources=("https://github.com/eleith/emailjs/issues/152",),
        fields={"from_address": '"=?UTF-8?B?TcO8bGxlcg==?=" <mueller@example.org>'},
        mail={"sender": ("Müller", "mueller@example.org")},
    ),
    Report(
        title="an address twice in reply_to stands there once",
        sources=("https://github.com/twilio/sendgrid-oai",),  # spec/json/tsg_mail_v3.json: uniqueItems
        fields={"reply_to": ["help@example.org", "help@example.org"]},
        mail={"reply_to": ["help@example.org"]},
    ),
    Report(
        title="an address as its own name, as Outlook copies it",
        sources=("https://github.com/sendgrid/sendgrid-nodejs/issues/1183",),
        fields={"to_addresses": [f"{ANN} <{ANN}>"]},
        mail={"to": [("", ANN)]},
    ),
    Report(
        title="semicolons between addresses, as Outlook writes them",
        sources=("https://github.com/sendgrid/sendgrid-csharp/issues/678",),
        fields={"to_addresses": f"{ANN}; {BOB}"},
        mail={"to": [("", ANN), ("", BOB)]},
    ),
    Report(
        title="an address of an intranet, at a server of its own",
        sources=(
            "https://github.com/grid-labs-tech/tron/pull/63",
            "https://github.com/JoshData/python-email-validator/issues/71",
        ),
        fields={"to_addresses": ["ann@firma.local"]},
        mail={"to": [("", "ann@firma.local")]},
    ),
    Report(
        title="a name and an address in one string",
        sources=("https://github.com/sendgrid/sendgrid-nodejs/issues/1183",),
        fields={"to_addresses": f"Ann Lee <{ANN}>"},
        mail={"to": [("Ann Lee", ANN)]},
    ),
    Report(
        title="the References of a long thread arrive",
        sources=(
            "https://github.com/freescout-help-desk/freescout/issues/5542",
            "https://github.com/floatpane/matcha/issues/1115",
            "https://github.com/zammad/zammad/issues/3691",
        ),
        fields={"headers": {"References": THREAD, "In-Reply-To": LAST}},
        mail={"headers": {"references": THREAD, "in-reply-to": LAST}},
    ),
    Report(
        title="a link with =? in List-Unsubscribe arrives as it is",
        sources=(
            "https://github.com/WPManageNinja/fluent-smtp/pull/413",
            "https://github.com/wttw/aboutmyemail/issues/14",
        ),
        fields={"headers": {"List-Unsubscribe": LINK, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}},
        mail={"headers": {"list-unsubscribe": LINK, "list-unsubscribe-post": "List-Unsubscribe=One-Click"}},
    ),
    Report(
        title="twenty values of metadata in Cyrillic keep no mail",
        sources=(
            "https://github.com/sendgrid/sendgrid-php/issues/139",
            "https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors",
        ),
        fields={"metadata": METADATA},
        mail={"text": "b"},
    ),
]
EACH = [pytest.param(report, leg, id=f"{report.title}-{leg}") for report in REPORTS for leg in report.legs]


@pytest.fixture
def leg(request: Any, api: fakes.Api, settings: Any) -> Iterator[Leg]:
    """The provider of the parameter, alone."""
    with alone(request.param, api, settings) as found:
        yield found


@pytest.mark.parametrize(("report", "leg"), EACH, indirect=["leg"])
def test_what_was_reported_arrives_as_it_was_meant(report: Report, leg: Leg) -> None:
    for mail in leg.send(**{"to_addresses": [ANN], "subject": "s", "body": "b", **report.fields}):
        assert differences(mail, report, leg.name) == {}


def differences(mail: Arrived, report: Report, leg: str) -> dict[str, Any]:
    """Return what arrived otherwise than it was meant."""
    found = {name: getattr(mail, name) for name in report.mail}
    if "headers" in report.mail:
        found["headers"] = {name: mail.headers.get(name) for name in report.mail["headers"]}
    if "text" in report.mail:
        found["text"] = mail.text.removesuffix("\n" if not report.mail["text"].endswith("\n") else "")
    wanted = dict(report.mail)
    found["files"] = [
        {name: getattr(file, name) for name in meant}
        for file, meant in zip(mail.files, report.files, strict=True)
    ]
    wanted["files"] = list(report.files)
    if report.parameters and leg != "sendgrid":  # refuses a type with a semicolon
        found["parameters"] = {name: mail.files[0].parameters.get(name) for name in report.parameters}
        wanted["parameters"] = report.parameters
    return {name: value for name, value in found.items() if value != wanted[name]}


@pytest.mark.parametrize("leg", ["ses"], indirect=True)
def test_two_files_with_one_content_id_are_refused_by_name(leg: Leg, api: fakes.Api) -> None:
    """https://github.com/caronc/apprise/pull/1659; RFC 2045, 7: it is unique."""
    images = [
        {"filename": "a.png", "content": "iVBORw0KGgo=", "content_id": "a@x"},
        {"filename": "b.png", "content": "iVBORw0KGgoA", "content_id": "a@x"},
    ]
    answer = api.send(body='<img src="cid:a@x">', attachments=images)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert "content_id" in answer.json()["message"]


@pytest.mark.parametrize("leg", ["ses"], indirect=True)
def test_a_byte_order_mark_in_front_of_json_is_no_part_of_it(leg: Leg, api: fakes.Api) -> None:
    """https://github.com/Badgerati/Pode/issues/1604, https://github.com/atifaziz/Jayrock/issues/49."""
    body = (
        '\ufeff{"from_address":"shop@example.org","to_addresses":"ann@example.net","subject":"s","body":"b"}'
    )
    assert api.post("send-email/", body.encode()).status_code == 200
    assert [mail.text.strip() for mail in leg.arrived()] == ["b", "b"]


def post_form(api: fakes.Api, *parts: bytes) -> Any:
    """Send a form with sender, recipient and subject, and these parts."""
    fields = {"from_address": "shop@example.org", "to_addresses": ANN, "subject": "s"}
    plain = [part(f'form-data; name="{name}"', value.encode()) for name, value in fields.items()]
    return api.client.generic(
        "POST", f"{fakes.V1}send-email/", form([*plain, *parts]), content_type=FORM, headers=api.headers
    )


@pytest.mark.parametrize("leg", ["ses"], indirect=True)
def test_a_file_as_the_body_is_refused_with_what_was_meant(leg: Leg, api: fakes.Api) -> None:
    """https://curl.se/docs/manpage.html#-F: body=@mail.html is a file, body=<mail.html a text."""
    mail = part('form-data; name="body"; filename="mail.html"', b"<p>Hi</p>", "Content-Type: text/html")
    answer = post_form(api, mail)
    assert (answer.status_code, leg.vendor.received) == (400, [])
    assert 'body=<mail.html"' in answer.json()["message"]


@pytest.mark.parametrize("leg", LEGS, indirect=True)
def test_a_part_with_a_content_id_is_the_inline_image_of_that_name(leg: Leg, api: fakes.Api) -> None:
    """https://github.com/caronc/apprise/pull/1659."""
    answer = post_form(
        api,
        part('form-data; name="body"', b'<p><img src="cid:logo"></p>'),
        part(
            'form-data; name="logo"; filename="logo.png"',
            b"PNG",
            "Content-Type: image/png",
            "Content-ID: <logo>",
        ),
    )
    assert answer.status_code == 200
    for mail in leg.arrived():
        assert [(file.name, file.content_id, file.shown) for file in mail.files] == [
            ("logo.png", "logo", True)
        ]


TYPES = {
    "text/calendar; charset=utf-8; method=REQUEST": {"charset": "utf-8", "method": "REQUEST"},
    "Text/Calendar;METHOD=CANCEL": {"method": "CANCEL"},
    "text/calendar; charset=UTF-8; method=REPLY": {"method": "REPLY"},
    'text/csv; charset="windows-1251"; header=present': {"charset": "windows-1251", "header": "present"},
    "text/plain; format=flowed; delsp=yes": {"format": "flowed", "delsp": "yes"},
    "text/csv; ; charset=utf-8;": {"charset": "utf-8"},
}


@pytest.mark.parametrize("leg", [*NOT_SENDGRID], indirect=True)
@pytest.mark.parametrize("kind", TYPES)
def test_a_file_of_a_form_keeps_the_parameters_of_its_type(leg: Leg, api: fakes.Api, kind: str) -> None:
    file = part('form-data; name="f"; filename="a.txt"', CALENDAR, f"Content-Type: {kind}")
    assert post_form(api, file).status_code == 200
    for mail in leg.arrived():
        (found,) = mail.files
        assert (found.kind, found.content) == (kind.partition(";")[0].lower(), CALENDAR)
        assert {name: found.parameters.get(name) for name in TYPES[kind]} == TYPES[kind]


@pytest.mark.parametrize("leg", ["mailgun"], indirect=True)
def test_a_scheduled_mail_is_dated_when_it_is_sent(leg: Leg, api: fakes.Api) -> None:
    """https://github.com/sendgrid/sendgrid-nodejs/issues/326."""
    ordered = timezone.now() - timedelta(hours=1)
    assert api.send(send_at=(timezone.now() + timedelta(seconds=7)).isoformat()).status_code == 202
    Email.objects.update(created_at=ordered, due_at=timezone.now())  # an hour later

    rounds.dispatch(Email.objects.get().pk)

    (request,) = leg.vendor.received
    dated = parsedate_to_datetime(message_from_bytes(forms.file(request)[1])["Date"])
    assert abs(dated - timezone.now()) < timedelta(minutes=5)
