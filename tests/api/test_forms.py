"""Requests as real clients write them: what arrives is what was meant, or the refusal says what to send instead."""

import base64
import json
import quopri
from typing import Any

import pytest

from delivery.models import Email
from tests import fakes
from tests.api.wire import BOUNDARY, FORM, Service, form, part

pytestmark = pytest.mark.django_db
URLENCODED = "application/x-www-form-urlencoded"
TO = part('form-data; name="to_addresses"', b"ann@example.net")


def mail(service: Service) -> fakes.Arrived:
    (arrived,) = service.ses.arrived()
    return arrived


def files(service: Service) -> dict[str, bytes]:
    return {
        piece.get_filename(): piece.get_payload(decode=True)
        for piece in mail(service).mime.iter_attachments()
    }


def text_of(service: Service) -> str:
    return str(mail(service).mime.get_body(["plain"]).get_content()).replace("\r\n", "\n").rstrip("\n")


def field(name: str, text: str | bytes, *more: str) -> bytes:
    return part(f'form-data; name="{name}"', text.encode() if isinstance(text, str) else text, *more)


def file(disposition: str, content: bytes = b"content", *more: str) -> bytes:
    return part(f"form-data; {disposition}", content, *more)


def post(service: Service, *parts: bytes) -> Any:
    return service.post(form([TO, *parts]), FORM)


def refusal(answer: Any) -> tuple[int, str]:
    assert answer.json()["success"] is False
    assert Email.objects.count() == 0
    return answer.status_code, answer.json()["message"]


@pytest.mark.parametrize("path", ["send-email/", "send-mail/", "send-email", "send-mail"])
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"to_addresses": "ann@example.net", "body": "Hi"}', "application/json"),
        (form([TO, field("body", "Hi")]), FORM),
        (b"to_addresses=ann%40example.net&body=Hi", URLENCODED),
    ],
    ids=["json", "multipart", "urlencoded"],
)
def test_all_three_formats_are_taken_with_the_slash_and_without(
    service: Service, path: str, body: bytes, kind: str
) -> None:
    assert service.post(body, kind, fakes.V1 + path).status_code == 200
    assert (mail(service).recipients, text_of(service)) == ({"ann@example.net"}, "Hi")


@pytest.mark.parametrize(
    "path", ["batches", "emails/{}/cancel", "emails/{}/resend", "emails", "emails/{}", "providers"]
)
def test_every_path_is_there_without_its_slash(service: Service, path: str) -> None:
    service.post(form([TO]), FORM)
    known = fakes.V1 + path.format(Email.objects.get().pk)
    for url in (known, known + "/"):
        assert service.client.options(url, headers=service.headers).status_code == 405
        read = service.client.get(url, headers=service.headers).status_code
        assert read == (200 if path in ("emails", "emails/{}", "providers") else 405)


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('name="file"; filename="my "quoted" letter.docx"', "my _quoted_ letter.docx"),
        ("name=file; filename=report(1).pdf", "report(1).pdf"),
        ("name=file; filename=my report.pdf", "my report.pdf"),
        ("name=file; filename=Отчёт.txt", "Отчёт.txt"),
        ("name=\"file\"; filename*=utf-8''report(1).pdf", "report(1).pdf"),
        ("name=\"file\"; filename*=windows-1251''%CE%F2%F7%B8%F2.txt", "Отчёт.txt"),
        ('name="file"; filename="חשבונית\u200f\t7.pdf"', "חשבונית 7.pdf"),
    ],
)
def test_a_file_arrives_under_its_whole_name(service: Service, disposition: str, name: str) -> None:
    answer = post(service, file(disposition))
    assert answer.status_code == 200, answer.content
    assert files(service) == {name: b"content"}


@pytest.mark.parametrize(
    "name",
    [
        "body",
        "html_body",
        "text_body",
        "subject",
        "to_addresses",
        "tags[]",
        "to_addresses[0]",
        "headers",
        "send_at",
    ],
)
@pytest.mark.parametrize("written", ['name="{}"; filename="mail.html"', "name={}; filename=mail.html"])
def test_a_file_in_the_field_of_a_text_is_refused_with_what_was_meant(
    service: Service, name: str, written: str
) -> None:
    status, message = refusal(
        post(service, file(written.format(name), b"<p>Hi</p>", "Content-Type: text/html"))
    )
    plain = name.partition("[")[0]
    assert status == 400
    assert message.startswith(f"{plain}: came as a file; it is a text.")
    assert f'curl: -F "{plain}=' in message
    assert ("or as html_body" in message) is (name == "body")


@pytest.mark.parametrize("repeated", ["{0}", "{0}[]", "{0}[%d]"])
def test_a_list_may_be_repeated_in_both_kinds_of_form(service: Service, repeated: str) -> None:
    for kind in (FORM, URLENCODED):
        service.ses.received.clear()
        pairs = [("body", "Hi")]
        for name, values in (
            ("to_addresses", ["Lee, Ann <ann@example.net>", "bob@example.net"]),
            ("tags", ["a", "b"]),
        ):
            written = repeated.format(name)
            pairs += [(written % i if "%" in written else written, value) for i, value in enumerate(values)]
        assert service.post(encoded(pairs, kind), kind).status_code == 200
        assert mail(service).recipients == {"ann@example.net", "bob@example.net"}
        assert mail(service).mime["To"].addresses[0].display_name == "Lee, Ann"
        assert Email.objects.order_by("-created_at")[0].tags == ["a", "b"]


def encoded(pairs: list[tuple[str, str]], kind: str) -> bytes:
    if kind == FORM:
        return form([field(name, value) for name, value in pairs])
    return "&".join(f"{quoted(name)}={quoted(value)}" for name, value in pairs).encode()


def quoted(text: str) -> str:
    return "".join(letter if letter.isalnum() else f"%{ord(letter):02x}" for letter in text).replace(
        "%20", "+"
    )


def test_a_thousand_recipients_may_be_repeated_in_both_kinds_of_form(service: Service) -> None:
    pairs = [("to_addresses", f"a{number}@example.net") for number in range(1000)]
    for kind in (FORM, URLENCODED):
        sent = [*pairs, ("subject", "Hello"), ("body", "Hi")]  # SendGrid takes so many, but no empty email
        assert service.post(encoded(sent, kind), kind).status_code == 200
        answer = service.post(encoded([*pairs, ("to_addresses", "b@example.net")], kind), kind)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "too_many")


def test_a_list_of_one_may_be_a_plain_text(service: Service) -> None:
    assert service.post(b"to_addresses=ann@example.net&tags=welcome", URLENCODED).status_code == 200
    assert Email.objects.get().tags == ["welcome"]
    answer = service.post(b"to_addresses=ann@example.net&tags=a,b", URLENCODED)
    assert "commas do not part tags" in answer.json()["message"]


def test_an_object_may_come_entry_by_entry_as_php_sends_it(service: Service) -> None:
    body = b"to_addresses=ann@example.net&metadata%5Border%5D=5&headers[X-Campaign]=spring"
    assert service.post(body, URLENCODED).status_code == 200
    email = Email.objects.get()
    assert (email.metadata, email.headers) == ({"order": "5"}, {"X-Campaign": "spring"})


@pytest.mark.parametrize("kind", [FORM, URLENCODED, "application/json"])
def test_optional_fields_that_are_empty_are_absent(service: Service, kind: str) -> None:
    names = (
        "from_address",
        "cc_addresses",
        "bcc_addresses",
        "reply_to",
        "subject",
        "body",
        "html_body",
        "text_body",
    )
    names += (
        "headers",
        "tags",
        "metadata",
        "on_ambiguous",
        "priority",
        "send_at",
        "expires_in",
        "attachments",
    )
    pairs = [("to_addresses", "ann@example.net"), *((name, "") for name in names)]
    body = json.dumps(dict(pairs)).encode() if kind == "application/json" else encoded(pairs, kind)
    answer = service.post(body, kind)
    assert answer.status_code == 200, answer.content


@pytest.mark.parametrize("kind", [FORM, URLENCODED])
def test_an_empty_field_that_nobody_knows_is_refused_still(service: Service, kind: str) -> None:
    answer = service.post(encoded([("to_addresses", "ann@example.net"), ("cc", "")], kind), kind)
    assert refusal(answer)[0] == 400


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"body=a+b%20c%2B%26%3d", "a b c+&="),
        (b"body=Gr%C3%BC%C3%9Fe", "Grüße"),
        ("body=Grüße".encode(), "Grüße"),
        (b"_charset_=windows-1252&body=Gr%FC%DFe%80", "Grüße€"),
        (b"body=50%+off+100%zz", "50% off 100%zz"),
        (b"body=a%0D%0Ab", "a\nb"),
        (b"&&body=a&", "a"),
        (b"body=a\r\n", "a"),
        (b"body==a=b", "=a=b"),
        (b"body=%EF%BB%BFa", "a"),
        (b"body=" + b"%61" * 100_000, "a" * 100_000),
        (b"body=" + b"x" * 65_534 + b"%C3%A4" * 3, "x" * 65_534 + "äää"),
        (b"body=" + b"x" * 65_535 + b"%C3%A4" * 3, "x" * 65_535 + "äää"),
    ],
)
def test_an_urlencoded_text_arrives_as_it_was_meant(service: Service, body: bytes, text: str) -> None:
    assert service.post(body + b"&to_addresses=ann%40example.net", URLENCODED).status_code == 200
    assert Email.objects.get().text_body.replace("\r\n", "\n").rstrip("\n") == text


@pytest.mark.parametrize("charset", ["utf-8", "ISO-8859-1", "windows-1252"])
def test_the_charset_of_an_urlencoded_form_is_believed(service: Service, charset: str) -> None:
    body = b"to_addresses=ann@example.net&body=" + "Grüße".encode(charset)
    assert service.post(body, f"{URLENCODED}; charset={charset}").status_code == 200
    assert text_of(service) == "Grüße"


@pytest.mark.parametrize(
    ("body", "kind", "status", "says"),
    [
        (
            b'{"to_addresses": "ann@example.net"}',
            URLENCODED,
            400,
            "The body is JSON, but came as application/x-www-form-",
        ),
        (b"to_addresses=ann@example.net&body=%FF", URLENCODED, 400, "the field body is not UTF-8"),
        (b"a=1", f"{URLENCODED}; charset=utf-16", 400, "the charset 'utf-16'"),
        (b"&".join([b"a=1"] * 2001), URLENCODED, 400, "more than 2,000 fields"),
        (b"subject=a&subject=b", URLENCODED, 400, "subject: was given twice"),
        (b"body=" + b"x" * (4 * 1024 * 1024 + 1), URLENCODED, 413, "The field body is over 4,194,304 bytes"),
        (
            b"to_addresses=a@b.org&body=" + b"x" * (2 * 1024 * 1024 + 1),
            URLENCODED,
            413,
            "body may have 2,097,152 char",
        ),
        (b"to_addresses=ann+tag@example.net", URLENCODED, 403, "Empty or invalid to_addresses"),
        (
            b"{}",
            "text/plain",
            400,
            "came as 'text/plain'; application/json, multipart/form-data and application/x-www-form",
        ),
        (b"{}", "", 400, "came without a Content-Type; application/json,"),
        (b"{}", "application/json; charset=utf-16", 400, "in the charset 'utf-16'. JSON is UTF-8"),
        (b"x", "multipart/form-data", 400, "names no boundary. Let your HTTP library set Content-Type"),
        (b"x", "multipart/mixed; boundary=a", 400, "came as 'multipart/mixed'"),
    ],
)
def test_a_refusal_says_what_came_and_what_is_read(
    service: Service, body: bytes, kind: str, status: int, says: str
) -> None:
    found = refusal(service.post(body, kind))
    assert found[0] == status
    assert says in found[1]


def test_paths_that_read_json_alone_say_so(service: Service) -> None:
    answer = service.post(b"emails=1", URLENCODED, fakes.V1 + "batches/")
    assert refusal(answer) == (
        400,
        f"The body came as {URLENCODED!r}; application/json is read here. Send it with the Content-Type that it has.",
    )


def test_a_compressed_body_is_refused(service: Service) -> None:
    service.headers["Content-Encoding"] = "gzip"
    for body, kind in (
        (b"{}", "application/json"),
        (form([TO]), FORM),
        (b"to_addresses=a@b.org", URLENCODED),
    ):
        assert "came with Content-Encoding 'gzip'" in refusal(service.post(body, kind))[1]


@pytest.mark.parametrize(
    ("boundary", "header"),
    [
        ("===1732781234===", "boundary====1732781234==="),
        ("----=_Part_0_19.16", "boundary=----=_Part_0_19.16"),
        ("----=_Part_0_19.16", 'boundary="----=_Part_0_19.16"'),
        (BOUNDARY, f"boundary={BOUNDARY}; charset=UTF-8"),
        (BOUNDARY, f"charset=utf-8; boundary={BOUNDARY}"),
        (BOUNDARY, f'Boundary = "{BOUNDARY}" ;'),
        (BOUNDARY, f"\tboundary={BOUNDARY} "),
        ("a'b(c)d+e_f,g-h./i:j=k?l", "boundary=a'b(c)d+e_f,g-h./i:j=k?l"),
        ("a b", 'boundary="a b"'),
        ("a;b", 'boundary="a;b"'),
        ('a"b', r'boundary="a\"b"'),
        ("'x'", "boundary='x'"),
        ("x" * 200, f"boundary={'x' * 200}"),
    ],
)
def test_a_boundary_is_read_as_clients_write_it(service: Service, boundary: str, header: str) -> None:
    body = form([TO, field("body", "Hi")]).replace(BOUNDARY.encode(), boundary.encode())
    for separator in (";", "; ", ";\t", " ; "):
        service.ses.received.clear()
        answer = service.post(body, f"multipart/form-data{separator}{header}")
        assert answer.status_code == 200, answer.content
        assert text_of(service) == "Hi"


CONTENT = bytes(range(256)) * 3


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("base64", base64.encodebytes(CONTENT).replace(b"\n", b"\r\n")),
        ("BASE64", base64.b64encode(CONTENT)),
        ("quoted-printable", quopri.encodestring(CONTENT).replace(b"=\n", b"=\r\n")),
        ("binary", CONTENT),
        ("8bit", CONTENT),
        ("7bit", CONTENT),
    ],
)
def test_a_part_is_decoded_as_its_header_says(service: Service, encoding: str, content: bytes) -> None:
    header = f"Content-Transfer-Encoding: {encoding}"
    text = base64.b64encode("Grüße".encode()) if "64" in encoding.lower() else "Grüße".encode()
    answer = post(service, field("body", text, header), file('name="f"; filename="a.bin"', content, header))
    assert answer.status_code == 200, answer.content
    assert (files(service), text_of(service)) == ({"a.bin": CONTENT}, "Grüße")


def test_the_limit_counts_what_base64_stands_for(service: Service) -> None:
    header = "Content-Transfer-Encoding: base64"
    for size, status in ((7 * 1024 * 1024, 200), (7 * 1024 * 1024 + 1, 413)):
        content = base64.b64encode(bytes(size))
        assert post(service, file('name="f"; filename="a.bin"', content, header)).status_code == status


@pytest.mark.parametrize(
    ("charset", "python"),
    [("ISO-8859-1", "latin-1"), ("windows-1252", "cp1252"), ("utf-8", "utf-8"), ('"UTF-8"', "utf-8")],
)
def test_a_parts_charset_is_believed(service: Service, charset: str, python: str) -> None:
    header = f"Content-Type: text/plain; charset={charset}"
    assert post(service, field("body", "Grüße".encode(python), header)).status_code == 200
    assert text_of(service) == "Grüße"


def test_the_charset_field_of_html_forms_is_believed(service: Service) -> None:
    assert (
        post(service, field("body", "Grüße".encode("latin-1")), field("_charset_", "iso-8859-1")).status_code
        == 200
    )
    assert text_of(service) == "Grüße"


def test_a_file_name_in_the_charset_of_the_whole_form_is_read(service: Service) -> None:
    """Apache's HttpClient writes headers in the charset that it names beside the boundary."""
    body = form([TO, file('name="f"; filename="Übersicht.pdf"')]).decode().encode("latin-1")
    assert service.post(body, f"{FORM}; charset=ISO-8859-1").status_code == 200
    assert files(service) == {"Übersicht.pdf": b"content"}
    assert "a part's header is not UTF-8" in service.post(body, FORM).json()["message"]


def test_a_part_with_a_content_id_is_the_inline_image_of_that_name(service: Service) -> None:
    image = file('name="logo"; filename="logo.png"', b"PNG", "Content-Type: image/png", "Content-ID: <logo>")
    assert post(service, field("html_body", '<p><img src="cid:logo"></p>'), image).status_code == 200
    (found,) = [piece for piece in mail(service).mime.walk() if piece["Content-ID"]]
    assert (found["Content-ID"], found.get_filename(), found.get_content_disposition()) == (
        "<logo>",
        "logo.png",
        "inline",
    )


@pytest.mark.parametrize("kind", ["form", "json"])
def test_two_files_with_one_content_id_are_refused_by_its_name(service: Service, kind: str) -> None:
    if kind == "form":
        answer = post(
            service, *(file(f'name="{n}"; filename="{n}.png"', b"x", "Content-ID: <a@x>") for n in "ab")
        )
    else:
        items = [{"filename": f"{name}.png", "content": "eA==", "content_id": "a@x"} for name in "ab"]
        body = {"to_addresses": "ann@example.net", "attachments": items}
        answer = service.post(json.dumps(body).encode(), "application/json")
    status, message = refusal(answer)
    assert (status, answer.json()["errors"][0]["field"]) == (400, "attachments[1].content_id")
    assert "content_id is that of attachments[0]" in message


PIXEL = b"\x89PNG\r\n\x1a\n\xfb\xff\xfe"


@pytest.mark.parametrize(
    "content",
    [
        "data:image/png;base64," + base64.b64encode(PIXEL).decode(),
        "DATA:image/png;name=a.png;BASE64," + base64.b64encode(PIXEL).decode(),
        "data:;base64," + base64.b64encode(PIXEL).decode(),
        base64.urlsafe_b64encode(PIXEL).decode(),
        base64.urlsafe_b64encode(PIXEL).decode().rstrip("="),
        base64.b64encode(PIXEL).decode().rstrip("="),
        base64.encodebytes(PIXEL).decode(),
        "\r\n".join(base64.b64encode(PIXEL).decode()),
    ],
)
def test_base64_is_read_as_clients_write_it(service: Service, content: str) -> None:
    item = {"filename": "a.png", "content": content}
    body = json.dumps({"to_addresses": "ann@example.net", "attachments": [item]}).encode()
    assert service.post(body, "application/json").status_code == 200
    assert files(service) == {"a.png": PIXEL}


def test_the_limit_is_decided_before_a_data_url_is_decoded(service: Service) -> None:
    for size, status in ((7 * 1024 * 1024, 200), (7 * 1024 * 1024 + 1, 413)):
        content = "data:application/pdf;base64," + base64.urlsafe_b64encode(bytes(size)).decode()
        body = {"to_addresses": "ann@example.net", "attachments": [{"filename": "a.pdf", "content": content}]}
        assert service.post(json.dumps(body).encode(), "application/json").status_code == status


@pytest.mark.parametrize(
    ("given", "arrives"),
    [
        ("Reset your password\n", "Reset your password"),
        ("Reset your password \r\n\r\n", "Reset your password"),
        ("a\tb\t", "a b "),
        (" a ", " a "),
        ("\u202emoc.live", "\u202emoc.live"),
        ("x" * 900 + "\n", "x" * 900),
    ],
)
def test_a_subject_loses_its_line_end_and_its_tabs(service: Service, given: str, arrives: str) -> None:
    body = json.dumps({"to_addresses": "ann@example.net", "subject": given}).encode()
    assert service.post(body, "application/json").status_code == 200
    assert Email.objects.get().subject == arrives


@pytest.mark.parametrize("subject", ["a\nb", "\nBcc: eve@example.net", "a\r\n b\n", "a\x0b\n", "a\u2028"])
def test_a_line_end_inside_a_subject_is_refused(service: Service, subject: str) -> None:
    body = json.dumps({"to_addresses": "ann@example.net", "subject": subject}).encode()
    answer = service.post(body, "application/json")
    assert refusal(answer)[0] == 400
    assert answer.json()["errors"][0]["code"] == "control_character"


def test_the_same_address_twice_in_reply_to_stands_there_once(service: Service) -> None:
    boxes = ["help@example.org", "Help <HELP@example.org>", "desk@example.org"]
    body = json.dumps({"to_addresses": "ann@example.net", "reply_to": boxes}).encode()
    assert service.post(body, "application/json").status_code == 200
    assert mail(service).mime["Reply-To"] == "help@example.org, desk@example.org"


def test_html_body_is_html_whatever_it_looks_like(service: Service) -> None:
    assert post(service, field("html_body", "1 < 2")).status_code == 200
    mime = mail(service).mime
    assert mime.get_body(["html"]).get_content().strip() == "1 < 2"
    assert mime.get_body(["plain"]) is not None


def test_html_body_goes_with_text_body_and_without_body(service: Service) -> None:
    refused = post(service, field("html_body", "<p>a</p>"), field("body", "b"))
    assert refusal(refused) == (400, "html_body: goes without body; for its plain text there is text_body.")
    assert post(service, field("html_body", "<p>a</p>"), field("text_body", "b")).status_code == 200
    assert (text_of(service), Email.objects.get().html_body) == ("b", "<p>a</p>")


def test_a_byte_order_mark_is_no_part_of_a_body_or_of_json(service: Service) -> None:
    body = "\ufeff" + json.dumps({"to_addresses": "ann@example.net", "body": "\ufeffb"})
    assert service.post(body.encode(), "application/json").status_code == 200
    assert Email.objects.get().text_body == "b"
    assert (
        post(
            service, field("headers", '\ufeff{"X-A": "1"}'), field("html_body", "\ufeff<p>b</p>")
        ).status_code
        == 200
    )
    assert Email.objects.order_by("-created_at")[0].html_body == "<p>b</p>"
