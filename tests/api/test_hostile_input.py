"""Whatever a client sends: a clear refusal with nothing stored, or exactly the mail that was asked for."""

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import pytest

from tests.api import payloads
from tests.api.wire import FORM, RECIPIENT, SENDER, File, Service, as_form, as_json, form, part

pytestmark = pytest.mark.django_db
Fields = dict[str, Any]
Place = Callable[[str], Fields]

IN_A_HEADER: dict[str, Place] = {
    "subject": lambda text: {"subject": text},
    "sender's name": lambda text: {"from_address": f'"{quoted(text)}" <{SENDER}>'},
    "to name": lambda text: {"to_addresses": [f'"{quoted(text)}" <{RECIPIENT}>']},
    "cc name": lambda text: {"cc_addresses": [f'"{quoted(text)}" <cc@example.org>']},
    "bcc name": lambda text: {"bcc_addresses": [f'"{quoted(text)}" <bcc@example.org>']},
    "reply-to name": lambda text: {"reply_to": [f'"{quoted(text)}" <reply@example.org>']},
    "header's value": lambda text: {"headers": {"X-Extra": text}},
}
NEAR_A_HEADER: dict[str, Place] = {
    "tag": lambda text: {"tags": [text[:100]]},
    "metadata": lambda text: {"metadata": {"key": text}},
}
ADDRESS_FIELDS: dict[str, Place] = {
    "from_address": lambda text: {"from_address": text},
    "to_addresses": lambda text: {"to_addresses": [text]},
    "to_addresses with another": lambda text: {"to_addresses": [RECIPIENT, text]},
    "cc_addresses": lambda text: {"cc_addresses": [text]},
    "bcc_addresses": lambda text: {"bcc_addresses": [text]},
    "reply_to": lambda text: {"reply_to": [text]},
}
FORMATS = {"json": as_json, "form": as_form}
# A prime, so that every list of texts comes to its turn in every place.
SHARES = pytest.mark.parametrize(
    "share", [7, pytest.param(1, marks=pytest.mark.slow)], ids=["one in seven", "all"]
)
NAMES_OF_HEADERS = [
    *("From", "To", "Cc", "BCC", "bcc", "Sender", "Reply-To", "Subject", "Date", "Message-ID", "Return-Path"),
    *(
        "Received",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
        "content-foo",
        "DKIM-Signature",
    ),
    *(
        "ARC-Seal",
        "Resent-To",
        "X-SES-CONFIGURATION-SET",
        "X-SMTPAPI",
        "X-SG-EID",
        "X-Mailgun-Variables",
        "X-MC-Tags",
    ),
    *(
        "X-GoMail-ID",
        "x-gomail-id",
        "Authentication-Results",
        "Errors-To",
        "Disposition-Notification-To",
        "",
        " ",
    ),
    *(
        "X Y",
        "X:Y",
        "X: a\r\nBcc",
        "X\r\nBcc",
        "X\nBcc",
        "X\x00",
        "X\tY",
        "Bcc ",
        " Bcc",
        "Bcc:",
        "Bcc\u200b",
        "Bсc",
    ),
    *(
        "X-Ä",
        "X\u2028",
        "\ud800",
        "X" * 77,
        "X" * 10_000,
        "=?utf-8?q?Bcc?=",
        "X_Y",
        "X.Y",
        "X,Y",
        "X;Y",
        "X/Y",
        "(X)",
    ),
]


def base(**fields: Any) -> Fields:
    return {"from_address": SENDER, "to_addresses": [RECIPIENT], "subject": "Hello", "body": "Hi", **fields}


def quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def as_meant(format_name: str, fields: Fields) -> Fields:
    """In a form everything is text."""
    if format_name == "form" and not isinstance(fields["subject"], str):
        return fields | {"subject": json.dumps(fields["subject"])}
    return fields


def is_a_name(place: str) -> bool:
    """Tell whether it is the name of a mailbox."""
    return place in IN_A_HEADER and place.endswith("name")


def broken() -> Iterator[tuple[str, Fields]]:
    for place, fields in (IN_A_HEADER | NEAR_A_HEADER).items():
        hiding = payloads.HIDING if is_a_name(place) else []
        yield from ((place, fields(text)) for text in (*payloads.BROKEN, *hiding))
    for text in payloads.BROKEN:
        yield "filename", {"attachments": [File(filename=text)]}
    for place, fields in (NEAR_A_HEADER | {"header's value": IN_A_HEADER["header's value"]}).items():
        yield place, fields("a\tb")
    yield from (("header's name", {"headers": {name: "x"}}) for name in NAMES_OF_HEADERS)
    yield from (("body", {field: text}) for text in payloads.UNSTORABLE for field in ("body", "text_body"))


def literal() -> Iterator[tuple[str, Fields]]:
    for place, fields in (IN_A_HEADER | NEAR_A_HEADER).items():
        for text in payloads.LITERAL:
            if is_a_name(place) and ("<" in text or ">" in text or text in payloads.HIDING):
                continue  # our rule for names; ambiguous() and broken() have them
            yield place, fields(text)
    yield from (("subject", {"subject": text}) for text in payloads.SUBJECTS)
    yield from (("body", {"body": text}) for text in payloads.BODIES)
    yield from (("filename", {"attachments": [File(filename=text)]}) for text in payloads.FILENAMES)


def ambiguous() -> Iterator[tuple[str, Fields]]:
    for place, fields in ADDRESS_FIELDS.items():
        yield from ((place, fields(text)) for text in payloads.ADDRESSES)
    for field in ("to_addresses", "cc_addresses", "reply_to"):
        yield from ((f"{field} as a string", {field: text}) for text in payloads.ADDRESSES)
    for field in (
        *base(),
        "cc_addresses",
        "reply_to",
        "text_body",
        "headers",
        "tags",
        "metadata",
        "on_ambiguous",
    ):
        yield from ((field, {field: value}) for value in payloads.WRONG_TYPES)
    for value in payloads.WRONG_TYPES:
        yield "header's value", {"headers": {"X-A": value}}
        yield "metadata's value", {"metadata": {"a": value}}
        yield "unknown field", {"nonsense": value}
    for text in payloads.BROKEN:
        yield "content type", {"attachments": [File(filename="a.bin", more={"content_type": f"text/{text}"})]}
        yield "content id", {"attachments": [File(filename="a.bin", more={"content_id": text})]}


def problems(service: Service, cases: Iterable[tuple[str, Fields]], must: str) -> tuple[int, list[str]]:
    """Post every case in both formats; return how many, and what is not as promised."""
    found, count = [], 0
    for place, fields in cases:
        service.change_vendor()
        for name, formatted in FORMATS.items():
            count += 1
            whole = base(**fields)
            problem = service.problems(*formatted(whole), as_meant(name, whole), must)
            if problem:
                found.append(f"{name} {place} {ascii(fields)[:200]}: {problem}")
    return count, found


def test_what_could_break_out_of_a_header_is_refused(service: Service) -> None:
    count, found = problems(service, broken(), must="refuse")
    assert not found, "\n".join(found)
    assert count > 1090


@SHARES
def test_what_only_looks_like_an_attack_arrives_as_it_is(service: Service, share: int) -> None:
    count, found = problems(service, islice(literal(), 0, None, share), must="accept")
    assert not found, "\n".join(found)
    assert count > 600 // share


@SHARES
def test_what_could_be_read_in_two_ways_is_refused_or_goes_where_it_says(
    service: Service, share: int
) -> None:
    count, found = problems(service, islice(ambiguous(), 0, None, share), must="either")
    assert not found, "\n".join(found)
    assert count > 3000 // share


JSON_BODIES: list[bytes] = [
    b"{",
    b"}",
    b"[]",
    b"5",
    b"null",
    b'"x"',
    b"{}{}",
    b'{"a":1}x',
    b"{'a': 1}",
    b'{"a":1,}',
    b"\x00",
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{}",
    b'{"subject": "\xff"}',
    b'{"subject": "\xed\xa0\x80"}',
    b'{"subject": "\\ud800"}',
    b'{"subject": "\\u0000"}',
    b'{"\\u0000": 1}',
    b'{"a": NaN}',
    b'{"a": Infinity}',
    b'{"a": -Infinity}',
    b'{"a": 1e999}',
    b'{"a": 123456789012345678901}',
    b'{"a": ' + b"9" * 5000 + b"}",
    b'{"a": -' + b"9" * 100_000 + b"}",
    b'{"a": 0x10}',
    b'{"a": 01}',
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"[" * 33 + b"]" * 33,
    b'{"a":' + b"[" * 40 + b"]" * 40 + b"}",
    b'{"to_addresses": ["ann@example.org"], "to_addresses": ["eve@example.org"]}',
    b'{"to_addresses": ["ann@example.org"], "to_\\u0061ddresses": ["eve@example.org"]}',
    b'{"headers": {"X-A": "1", "X-A": "2"}, "to_addresses": ["ann@example.org"]}',
    b'{"headers": {"X-A": "1", "x-a": "2"}, "to_addresses": ["ann@example.org"]}',
    b'{"to_addresses": ["ann@example.org"], "TO_ADDRESSES": ["eve@example.org"]}',
    b'{"to_addresses": ["ann@example.org"], "bcc": ["eve@example.org"]}',
    b'{"to_addresses": ["ann@example.org"], "__proto__": {}}',
    b'{"to_addresses": ["ann@example.org"], "": ""}',
    b"{" + b",".join(b'"k%d":1' % i for i in range(3000)) + b"}",
    b"{" + b",".join(b'"k%d":1' % i for i in range(1900)) + b"}",
    b'{"tags": [' + b"1," * 30_000 + b"1]}",
    b'{"to_addresses": "%s"}' % (b"a@example.org," * 10_000),
    b'{"to_addresses": [%s]}' % b",".join(b'"a%d@example.org"' % i for i in range(10_000)),
    b'{"to_addresses": [%s]}' % b",".join(b'"a%d@example.org"' % i for i in range(1001)),
    b'{"to_addresses": ["a@b.org"], "cc_addresses": [%s]}' % b",".join(b'"a%d@b.org"' % i for i in range(1000)),
    *(
        b'{"to_addresses": ["ann@example.org"], "attachments": %s}' % attachments
        for attachments in (
            b'"x"', b"{}", b"[5]", b"[null]", b"[[]]", b"[{}]", b'[{"filename": "a"}]', b'[{"content": ""}]',
            b'[{"filename": 5, "content": ""}]', b'[{"filename": "a", "content": 5}]',
            b'[{"filename": "a", "content": "", "url": "http://127.0.0.1/"}]',
            b'[{"filename": "a", "content": "", "path": "/etc/passwd"}]',
            b'[{"filename": "a", "content": "="}]', b'[{"filename": "a", "content": "e"}]',
            b'[{"filename": "a", "content": "eA==="}]', b'[{"filename": "a", "content": "e A=="}]',
            b'[{"filename": "a", "content": "eA==eA=="}]', b'[{"filename": "a", "content": "-_._"}]',
            b'[{"filename": "a", "content": "\\u00e4\\u00e4\\u00e4\\u00e4"}]',
            b'[{"filename": "a", "content": "data:text/plain,eA=="}]', b'[{"filename": "a", "content": "data:"}]',
            b'[{"filename": "a", "content": "data:text/plain;base64"}]',
            b'[{"filename": "a", "content": "data:text/plain;base64,data:text/plain;base64,eA=="}]',
            b'[{"filename": "a", "content": "", "content_id": "x"},'
            b'{"filename": "b", "content": "", "content_id": "<x>"}]',
            b'[{"filename": "a", "content": "\\u0000"}]',
            b"[" + b'{"filename": "a", "content": ""},' * 100 + b'{"filename": "a", "content": ""}]',
        )
    ),
]  # fmt: skip

TO = part('form-data; name="to_addresses"', RECIPIENT.encode())


def file_part(disposition: str, *more: str) -> bytes:
    return part(f"form-data; {disposition}", b"x", *more)


FORM_BODIES: list[bytes] = [
    form([TO])[:-4],
    form([TO])[:-8],
    form([TO])[:40],
    b"--",
    b"x",
    b"\x00" * 1000,
    form([TO]).replace(b"\r\n", b"\n"),
    form([TO]).replace(b"a-boundary", b"b-boundary"),
    form([TO, part('form-data; name="to_addresses"', b"nobody")]),
    form([TO, part('form-data; name="to_addresses[0][email]"', b"eve@example.org")]),
    form([part('form-data; name="to_addresses[0]"', address) for address in (b"a@b.org", b"b@b.org")]),
    form([TO, part('form-data; name="subject[]"', b"a")]),
    form([TO, part('form-data; name="metadata[a]"', b"1"), part('form-data; name="metadata[a]"', b"2")]),
    form([TO, part('form-data; name="headers[From]"', b"eve@example.org")]),
    form([TO, part('form-data; name="_charset_"', b"utf-16")]),
    form([TO]) + b"--a-boundary-of-our-own\r\n" + TO + b"\r\n--a-boundary-of-our-own--\r\n",
    form([TO, part('form-data; name="subject"', b"a"), part('form-data; name="subject"', b"b")]),
    form([TO, part("form-data", b"x")]),
    form([TO, part('form-data; name=""', b"x")]),
    form([TO, part('attachment; name="a"; filename="a"', b"x")]),
    form([TO, b"X-A: b\r\n\r\nx"]),
    form([TO, b"\r\nx"]),
    form([TO, b"Content-Disposition form-data\r\n\r\nx"]),
    form([TO, part('form-data; name="subject"', b"\xff\xfe")]),
    form([TO, part('form-data; name="subject"', b"\xed\xa0\x80")]),
    form([TO, part('form-data; name="subject"', b"a\x00b")]),
    form([TO, part('form-data; name="subject"', "ä".encode("latin-1"))]),
    form([TO, part('form-data; name="subject"', "ä".encode("latin-1"), "Content-Type: text/plain; charset=us-ascii")]),
    form([TO, part('form-data; name="subject"', b"\x1b$B8l\x1b(B", "Content-Type: text/plain; charset=iso-2022-jp")]),
    form([TO, part('form-data; name="subject"', b"+AOQ-", "Content-Type: text/plain; charset=utf-7")]),
    form([TO, part('form-data; name="subject"', b"x", "Content-Type: text/plain; charset=nonsense")]),
    form([TO, part('form-data; name="nonsense"', b"x")]),
    form([TO, part('form-data; name="bcc"', b"eve@example.org")]),
    form([TO, part('form-data; name="attachments"', b"[]")]),
    form([TO, part('form-data; name="attachments"', b'[{"filename": "a", "content": ""}]')]),
    form([TO, part('form-data; name="attachments"', b"[]"), file_part('name="a"; filename="a"')]),
    *(
        form([TO, part(f'form-data; name="{field}"', text)])
        for field in ("headers", "metadata", "tags")
        for text in (b"x,y", b"{", b"[", b"5", b"null", b"{]", b'{"a":1}', b"[5]", b"[" * 99, b'{"b":1,"b":1}')
    ),
    *(form([TO, part(f'form-data; name="{field}"', b"x")]) for field in ("headers", "metadata")),
    form([part('form-data; name="to_addresses"; filename="a"', RECIPIENT.encode())]),
    form([TO, file_part('name="a"; filename="a"', 'Content-Disposition: form-data; name="b"; filename="c"')]),
    form([TO, file_part('name="a"; filename="a"', "Content-Transfer-Encoding: base64")]),
    form([TO, part('form-data; name="a"; filename="a"', b"=x", "Content-Transfer-Encoding: quoted-printable")]),
    form([TO, file_part('name="a"; filename="a"', "Content-Transfer-Encoding: x-uuencode")]),
    form([TO, file_part('name="a"; filename="a"', "Content-Type: text/plain", "Content-Type: text/html")]),
    form([TO, file_part('name="body"; filename="mail.html"')]),
    form([TO, file_part("name=html_body; filename=Отчёт.txt")]),
    form([TO, file_part('name="tags[]"; filename="a"')]),
    form([TO, file_part('name="a"; filename="re"port"; name="b.pdf"')]),
    form([TO, file_part('name="a"; filename="re"; x=port.pdf')]),
    form([TO, file_part('name="a"; filename="report')]),
    form([TO, file_part("name=a; filename=report.pdf;")]),
    form([TO, file_part('name="a"; filename="a"', "Content-Length: 99")]),
    form([TO, file_part('name="a"; filename="a"', "Content-Length: -1")]),
    form([TO, file_part('name="a"; filename="a"', "Content-Length: x")]),
    form([TO, file_part('name="a"; filename="a"', *(f"X-{i}: y" for i in range(50)))]),
    form([TO, file_part('name="a"; filename="a"', "X: " + "y" * 100_000)]),
    form([TO, file_part(f'name="a"; filename="{"a" * 10_000}"')]),
    form([TO, file_part("name=\"a\"; filename*=utf-8''%ff")]),
    form([TO, file_part("name=\"a\"; filename*=utf-8''a%0d%0ab")]),
    form([TO, file_part("name=\"a\"; filename*=utf-8''%00")]),
    form([TO, file_part("name=\"a\"; filename*=utf-16''a")]),
    form([TO, file_part("name=\"a\"; filename*=utf-8''")]),
    form([TO, file_part('name="a"; filename*=a')]),
    form([TO, file_part('name="a"; filename="a%0D%0Ab.txt"')]),
    form([TO, file_part('name="report%0A.pdf"; filename="x"')]),
    form([TO, b'Content-Disposition: form-data; name="a"; filename="\xff\xfe"\r\n\r\nx']),
    form([TO, *(file_part(f'name="f{i}"; filename="a"') for i in range(101))]),
    form([TO, *(file_part(f'name="f{i}"; filename="a"') for i in range(300))]),
    form([TO, *(part(f'form-data; name="f{i}"', b"") for i in range(300))]),
    form([TO, part('form-data; name="body"', b"x" * (5 * 1024 * 1024))]),
    form([TO, part('form-data; name="body"', b"x" * (2 * 1024 * 1024 + 1))]),
    form([part('form-data; name="to_addresses"', b"a@example.org " * 10_000)]),
    form([part('form-data; name="to_addresses"', b"[" * 100_000)]),
]  # fmt: skip
CONTENT_TYPES = [
    *(
        "",
        "text/plain",
        "text/html",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/mixed; boundary=a",
    ),
    *(
        "application/json; charset=utf-16",
        "application/json; charset=utf-7",
        "application/json, text/plain",
        "\x00",
        "/",
    ),
    *(
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary="\n"',
        "application/jsonp",
    ),
    *(
        "multipart/form-data; boundary=" + "a" * 5000,
        "multipart/form-data; boundary=\u00e4",
        "a" * 10_000,
        "image/png",
    ),
]


def test_json_that_could_be_read_in_two_ways_is_refused(service: Service) -> None:
    found = [
        f"{body[:150]!r}: {problem}"
        for body in JSON_BODIES
        if (problem := service.problems(body, "application/json", None))
    ]
    assert not found, "\n".join(found)
    assert len(JSON_BODIES) > 65


def test_forms_that_could_be_read_in_two_ways_are_refused(service: Service) -> None:
    found = [
        f"{body[:300]!r}: {problem}"
        for body in FORM_BODIES
        if (problem := service.problems(body, FORM, None))
    ]
    assert not found, "\n".join(found)
    assert len(FORM_BODIES) > 75


def test_bodies_in_other_formats_are_refused(service: Service) -> None:
    body = as_json(base())[0]
    found = [
        f"{kind!r}: {problem}" for kind in CONTENT_TYPES if (problem := service.problems(body, kind, None))
    ]
    assert not found, "\n".join(found)
