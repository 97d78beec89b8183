"""One request, every carrier, the same meaning: from the API to the far end, read by two readers."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from delivery.content import links
from delivery.models import Email
from tests import fakes
from tests.legs import LEGS, MIME, Leg, alone, attached, close_all
from tests.providers.smtp.mailbox import Mailbox

pytestmark = pytest.mark.django_db


@pytest.fixture(params=LEGS)
def leg(request: Any, api: fakes.Api, settings: Any) -> Iterator[Leg]:
    """One provider after the other, alone."""
    with alone(request.param, api, settings) as found:
        yield found


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


def test_one_click_arrives_whole_with_every_carrier(leg: Leg, settings: Any) -> None:
    settings.GOMAIL_PUBLIC_URL, settings.GOMAIL_LINK_KEYS = "https://mail.shop.example", ("k" * 32,)
    told = set()
    for mail in leg.send(
        to_addresses=["ann@example.net"], unsubscribe="news", body="Leave: {{ unsubscribe_url }}\n"
    ):
        link = links.url(Email.objects.get().pk)
        assert mail.headers["list-unsubscribe"] == f"<{link}>"
        assert mail.headers["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
        assert link in mail.text
        told.add(link)
    assert len(told) == 1


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
