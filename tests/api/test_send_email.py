"""POST send-email/: the contract, in both formats and under both names."""

import base64
from typing import Any

import pytest
from django.test import Client

from delivery.access import keys
from delivery.models import Email
from tests import fakes
from tests.api.wire import FORM, File, Service, as_form, as_json, form, part

pytestmark = pytest.mark.django_db
SEVEN_MB = 7 * 1024 * 1024
FORMATS = pytest.mark.parametrize("formatted", [as_json, as_form], ids=["json", "form"])
BASE = {"from_address": "me@example.org", "to_addresses": "ann@example.org", "subject": "Hello", "body": "Hi"}


def send(service: Service, formatted: Any, path: str = "send-email/", **fields: Any) -> Any:
    given = {name: value for name, value in {**BASE, **fields}.items() if value is not None}
    return service.post(*formatted(given), fakes.V1 + path)


def mail(service: Service) -> fakes.Arrived:
    (arrived,) = service.ses.arrived()
    return arrived


def text(mime: Any) -> str:
    return str(mime.get_content()).replace("\r\n", "\n")


def files(arrived: fakes.Arrived) -> dict[str, bytes]:
    return {part.get_filename(): part.get_payload(decode=True) for part in arrived.mime.iter_attachments()}


@FORMATS
@pytest.mark.parametrize("path", ["send-email/", "send-mail/"])
def test_an_accepted_email_is_answered_in_the_published_shape(
    service: Service, formatted: Any, path: str
) -> None:
    answer = send(service, formatted, path)
    assert answer.status_code == 200
    email = Email.objects.get()
    expected = {"success": True, "message": "Email sent to recipients", "id": str(email.pk), "status": "sent"}
    assert answer.json() == {**expected, "provider": "ses"}


@FORMATS
@pytest.mark.parametrize(
    "to",
    [
        None,
        "",
        "  ",
        "nobody",
        "a@b",
        "ann@example.org nobody",
        "[]",
        '[""]',
        '["nobody"]',
        "[",
        "[5]",
        "a@localhost",
    ],
)
def test_empty_or_invalid_recipients_are_403_with_the_published_message(
    service: Service, formatted: Any, to: Any
) -> None:
    answer = send(service, formatted, to_addresses=to)
    assert answer.status_code == 403
    assert answer.json()["success"] is False
    assert answer.json()["message"] == "Empty or invalid to_addresses"
    assert answer.json()["code"] == "invalid_to_addresses"
    assert {error["field"].partition("[")[0] for error in answer.json()["errors"]} == {"to_addresses"}
    assert Email.objects.count() == 0


@pytest.mark.parametrize("to", [5, True, {}, [5], [None], [[]], {"a": 1}])
def test_recipients_of_another_type_are_403_as_well(service: Service, to: Any) -> None:
    assert send(service, as_json, to_addresses=to).status_code == 403


def test_when_another_field_is_wrong_too_the_answer_is_400_with_all_errors(service: Service) -> None:
    answer = send(service, as_json, to_addresses="nobody", subject="a\nb")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert {error["field"] for error in answer.json()["errors"]} == {"to_addresses[0]", "subject"}


@FORMATS
@pytest.mark.parametrize(
    "to",
    [
        "ann@example.org bob@example.org",
        "ann@example.org,bob@example.org",
        " ann@example.org,\n\tbob@example.org, ",
        "ann@example.org; bob@example.org;",
        "Ann Lee <ann@example.org>, bob@example.org",
        '"Lee, Ann" <ann@example.org>; Bob <bob@example.org>;',
        ["Lee, Ann <ann@example.org>", "bob@example.org <bob@example.org>"],
        ["=?UTF-8?B?TcO8bGxlcg==?= <ann@example.org>", "'bob@example.org' <bob@example.org>"],
        ["ann@example.org", "bob@example.org"],
        ["Ann <ann@example.org>", '"B, Bob" <bob@example.org>'],
        '["ann@example.org", "bob@example.org"]',
    ],
)
def test_recipients_come_as_a_string_or_as_a_list(service: Service, formatted: Any, to: Any) -> None:
    assert send(service, formatted, to_addresses=to).status_code == 200
    assert mail(service).recipients == {"ann@example.org", "bob@example.org"}


@FORMATS
def test_an_address_that_is_named_twice_gets_one_mail(service: Service, formatted: Any) -> None:
    send(
        service,
        formatted,
        to_addresses=["ann@example.org", "Ann <ANN@example.org>"],
        cc_addresses=["ann@example.org", "bob@example.org"],
        bcc_addresses=["Bob@example.org", "eve@example.org"],
    )
    arrived = mail(service)
    assert arrived.recipients == {"ann@example.org", "bob@example.org", "eve@example.org"}
    assert arrived.mime["To"] == "ann@example.org"
    assert arrived.mime["Cc"] == "bob@example.org"
    assert arrived.mime["Bcc"] is None


@FORMATS
@pytest.mark.parametrize("sender", [None, "", "  "])
def test_without_a_sender_the_default_one_is_used(
    service: Service, formatted: Any, sender: str | None
) -> None:
    send(service, formatted, from_address=sender)
    assert mail(service).mime["From"] == "GoMail <default@example.org>"


def test_without_a_default_sender_a_sender_is_required(service: Service, settings: Any) -> None:
    settings.DEFAULT_FROM_EMAIL = ""
    answer = send(service, as_json, from_address="")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "from_address")


@FORMATS
def test_names_and_domains_beyond_ascii_arrive(service: Service, formatted: Any) -> None:
    send(
        service,
        formatted,
        from_address="Änne <me@example.org>",
        to_addresses=["Jörg 日本 <j@münchen.de>"],
        subject="Grüße 😀",
    )
    arrived = mail(service)
    assert arrived.recipients == {"j@xn--mnchen-3ya.de"}
    assert arrived.mime["From"].addresses[0].display_name == "Änne"
    assert arrived.mime["To"].addresses[0].display_name == "Jörg 日本"
    assert arrived.mime["Subject"] == "Grüße 😀"


@FORMATS
@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("=?UTF-8?B?TcO8bGxlcg==?= <me@example.org>", "Müller"),
        ("Lee, Ann (Sales) <me@example.org>", "Lee, Ann (Sales)"),
        ("me@example.org <me@example.org>", ""),
    ],
)
def test_a_name_is_shown_as_people_read_it(service: Service, formatted: Any, sender: str, name: str) -> None:
    assert send(service, formatted, from_address=sender, to_addresses=[sender]).status_code == 200
    for header in ("From", "To"):
        (box,) = mail(service).mime[header].addresses
        assert (box.display_name, box.addr_spec) == (name, "me@example.org")


@FORMATS
def test_replies_go_where_the_client_says(service: Service, formatted: Any) -> None:
    send(service, formatted, reply_to=["Desk <desk@example.org>"])
    assert mail(service).mime["Reply-To"] == "Desk <desk@example.org>"


@FORMATS
def test_headers_tags_and_metadata_travel_along(service: Service, formatted: Any) -> None:
    send(service, formatted, headers={"X-Campaign": "spring"}, tags=["a", "b"], metadata={"order": "5"})
    assert mail(service).mime["X-Campaign"] == "spring"
    email = Email.objects.get()
    assert (email.tags, email.metadata, email.headers) == (
        ["a", "b"],
        {"order": "5"},
        {"X-Campaign": "spring"},
    )


@FORMATS
def test_a_plain_body_stays_plain(service: Service, formatted: Any) -> None:
    send(service, formatted, body="1 < 2 & 3 > 2\nmail <me@example.org>")
    assert mail(service).mime.get_content_type() == "text/plain"
    assert text(mail(service).mime) == "1 < 2 & 3 > 2\nmail <me@example.org>"


@FORMATS
def test_an_html_body_gets_a_plain_text_of_its_own(service: Service, formatted: Any) -> None:
    send(service, formatted, body="<h1>Hi</h1><p>See <a href='https://example.org'>us</a></p>")
    mime = mail(service).mime
    assert text(mime.get_body(["html"])) == "<h1>Hi</h1><p>See <a href='https://example.org'>us</a></p>"
    assert text(mime.get_body(["plain"])) == "Hi\n\nSee us (https://example.org)\n"


@FORMATS
def test_the_clients_own_plain_text_is_kept(service: Service, formatted: Any) -> None:
    send(service, formatted, body="<p>Hi</p>", text_body="Hello")
    assert mail(service).mime.get_body(["plain"]).get_content().strip() == "Hello"


@FORMATS
@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("cc", "cc_addresses"),
        ("to", "to_addresses"),
        ("to_address", "to_addresses"),
        ("replyTo", "reply_to"),
        ("html", "html_body"),
        ("Subject", "subject"),
        ("attachment", "attachments"),
    ],
)
def test_a_misspelt_field_is_refused_with_a_hint(
    service: Service, formatted: Any, field: str, hint: str
) -> None:
    answer = send(service, formatted, **{field: "x"})
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["field"], error["code"]) == (400, field, "unknown_field")
    assert f"Did you mean {hint}?" in error["message"]


def test_several_files_arrive_with_their_names_and_contents(service: Service) -> None:
    attached = [
        File(filename="a.txt", content=b"1"),
        File(filename="Übersicht 日本.pdf", content=b"\x00\xff"),
        File(filename="leer.bin", content=b""),
        File(filename="חשבונית\u200f 7.pdf", content=b"7"),
    ]
    for formatted in (as_json, as_form):
        service.ses.received.clear()
        assert send(service, formatted, attachments=attached).status_code == 200
        assert files(mail(service)) == {
            "a.txt": b"1",
            "Übersicht 日本.pdf": b"\x00\xff",
            "leer.bin": b"",
            "חשבונית 7.pdf": b"7",
        }


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('name="report.pdf"; filename="x1"', "report.pdf"),
        ('name="report.pdf"; filename="tmp.bin"', "tmp.bin"),
        ('name="report.pdf"; filename=""', "report.pdf"),
        ('name="report.pdf"; filename="blob"', "report.pdf"),
        ('name="user.avatar"; filename="report.pdf"', "report.pdf"),
        ('name="user.avatar"; filename="blob"', "blob"),
        ('name="attachments[0].file"; filename="report.pdf"', "report.pdf"),
        ('name="form.file"; filename="report.pdf"', "report.pdf"),
        ('name="file"; filename="x.pdf"', "x.pdf"),
        ('name="files[]"; filename="x.pdf"', "x.pdf"),
        ('name="a b.c"; filename="x"', "a b.c"),
        ('name="../x.pdf"; filename="y.pdf"', "y.pdf"),
        ('name="file"; filename="C:\\\\dir\\\\x.pdf"', "x.pdf"),
        ('name="file"; filename="../../x.pdf"', "x.pdf"),
        ('name="file"; filename="a%22b.pdf"', "a_b.pdf"),
        ('name="file"; filename="Übersicht.pdf"', "Übersicht.pdf"),
        ("name=\"file\"; filename*=utf-8''%C3%9Cbersicht.pdf", "Übersicht.pdf"),
        ('name="file"; filename="x"; filename*=UTF-8\'de\'%C3%9C.pdf', "Ü.pdf"),
        ("name=\"file\"; filename*=iso-8859-1''%DC.pdf", "Ü.pdf"),
        ('name="file"; filename="a; filename*=utf-8\'\'b.pdf"', "a; filename_=utf-8''b.pdf"),
        ('name=""; filename="x.pdf"', "x.pdf"),
    ],
)
def test_a_file_is_called_as_its_field_or_as_itself(service: Service, disposition: str, name: str) -> None:
    to = part('form-data; name="to_addresses"', b"ann@example.org")
    answer = service.post(form([to, part(f"form-data; {disposition}", b"content")]), FORM)
    assert answer.status_code == 200
    assert files(mail(service)) == {name: b"content"}


def test_several_files_may_share_a_field(service: Service) -> None:
    parts = [
        part('form-data; name="file"; filename="a.txt"', b"1"),
        part('form-data; name="file"; filename="b.txt"', b"2"),
    ]
    service.post(form([part('form-data; name="to_addresses"', b"ann@example.org"), *parts]), FORM)
    assert files(mail(service)) == {"a.txt": b"1", "b.txt": b"2"}


def test_a_file_input_that_was_left_empty_attaches_nothing(service: Service) -> None:
    parts = [
        part('form-data; name="to_addresses"', b"ann@example.org"),
        part('form-data; name="file"; filename=""', b""),
    ]
    assert service.post(form(parts), FORM).status_code == 200
    assert mail(service).mime.get_content_type() == "text/plain"


def test_an_inline_image_is_found_by_its_content_id(service: Service) -> None:
    image = File(
        filename="logo.png",
        content=b"\x89PNG",
        more={"content_id": "<logo@example.org>", "content_type": "image/png"},
    )
    send(service, as_json, body='<p><img src="cid:logo@example.org"></p>', attachments=[image])
    (found,) = [piece for piece in mail(service).mime.walk() if piece["Content-ID"]]
    assert (found["Content-ID"], found.get_content_type()) == ("<logo@example.org>", "image/png")


@FORMATS
@pytest.mark.parametrize("count", [1, 7])
def test_seven_megabytes_pass_and_one_byte_more_is_413(service: Service, formatted: Any, count: int) -> None:
    sizes = [SEVEN_MB // count] * (count - 1)
    sizes.append(SEVEN_MB - sum(sizes))
    attached = [File(filename=f"{i}.bin", content=bytes([i]) * size) for i, size in enumerate(sizes)]
    assert send(service, formatted, attachments=attached).status_code == 200
    assert sum(len(content) for content in files(mail(service)).values()) == SEVEN_MB

    before = service.stored()
    attached[-1] = File(filename="last.bin", content=attached[-1].content + b"x")
    answer = send(service, formatted, attachments=attached)
    assert (answer.status_code, answer.json()["code"], answer.json()["success"]) == (
        413,
        "attachments_too_large",
        False,
    )
    assert service.stored() == before


def test_base64_may_be_broken_into_lines(service: Service) -> None:
    content = bytes(range(256)) * 10
    file = {"filename": "a.bin", "content": base64.encodebytes(content).decode().replace("\n", "\r\n")}
    send(service, as_json, attachments=[file])
    assert files(mail(service)) == {"a.bin": content}


@FORMATS
def test_a_text_over_two_megabytes_is_413(service: Service, formatted: Any) -> None:
    assert send(service, formatted, body="x" * (2 * 1024 * 1024)).status_code == 200
    answer = send(service, formatted, body="x" * (2 * 1024 * 1024 + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_thousand_recipients_in_all_are_taken(service: Service) -> None:
    boxes = [f"a{i}@example.org" for i in range(1000)]
    assert (
        send(
            service, as_json, to_addresses=boxes[:400], cc_addresses=boxes[400:700], bcc_addresses=boxes[700:]
        ).status_code
        == 200
    )
    (arrived,) = service.sendgrid.arrived()  # SES takes 50
    assert arrived.recipients == set(boxes)
    answer = send(service, as_json, to_addresses=boxes, cc_addresses=["one@example.org"])
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "too_many")


@FORMATS
def test_an_email_that_no_provider_carries_is_400_and_leaves_nothing(
    service: Service, formatted: Any, settings: Any
) -> None:
    settings.GOMAIL_PROVIDERS = ("ses",)
    before = service.stored()
    answer = send(service, formatted, attachments=[File(filename="setup.exe")])
    assert (answer.status_code, answer.json()["code"]) == (400, "no_provider_can_carry")
    assert service.stored() == before


@FORMATS
def test_when_a_provider_refuses_the_message_the_answer_is_400_and_the_email_is_failed(
    service: Service, formatted: Any
) -> None:
    service.ses.default = fakes.SES_BAD_MESSAGE
    answer = send(service, formatted)
    assert (answer.status_code, answer.json()["code"], answer.json()["status"]) == (
        400,
        "refused_by_provider",
        "failed",
    )
    assert answer.json()["message"] == Email.objects.get().reason
    assert service.sendgrid.received == []


def test_when_nobody_can_take_it_now_the_answer_is_202_with_a_location(service: Service) -> None:
    service.ses.default, service.sendgrid.default = fakes.SES_SUSPENDED, fakes.SENDGRID_DOWN
    answer = send(service, as_json)
    assert (answer.status_code, answer.json()["status"], answer.json()["success"]) == (202, "queued", True)
    assert answer["Location"] == f"http://testserver{fakes.V1}emails/{answer.json()['id']}/"
    assert service.client.get(answer["Location"], headers=service.headers).json()["id"] == answer.json()["id"]


@FORMATS
def test_a_key_sends_only_from_the_senders_on_its_list(service: Service, formatted: Any) -> None:
    _, token = keys.issue("shop", scopes=["send"], from_addresses=["shop@example.org"])
    service.headers = {"Authorization": f"Bearer {token}"}
    answer = send(service, formatted)
    assert (answer.status_code, answer.json()["code"]) == (403, "sender_not_allowed")
    assert Email.objects.count() == 0
    assert send(service, formatted, from_address="Shop <SHOP@example.org>").status_code == 200


def test_a_key_without_the_scope_is_403(service: Service) -> None:
    _, token = keys.issue("reader", scopes=["read"])
    service.headers = {"Authorization": f"Bearer {token}"}
    answer = send(service, as_json)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


def test_fields_that_are_null_are_fields_that_are_absent(service: Service) -> None:
    nulls = dict.fromkeys(
        (
            "cc_addresses",
            "bcc_addresses",
            "reply_to",
            "text_body",
            "headers",
            "tags",
            "metadata",
            "attachments",
        )
    )
    body, kind = as_json({**BASE, **nulls})
    assert service.post(body, kind).status_code == 200


def test_without_a_key_nothing_is_read_or_stored(service: Service) -> None:
    answer = Client().post(fakes.V1 + "send-email/", b"{", content_type="application/json")
    assert (answer.status_code, answer.json()["code"], answer["WWW-Authenticate"]) == (
        401,
        "not_authenticated",
        "Bearer",
    )
