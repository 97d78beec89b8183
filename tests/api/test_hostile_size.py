"""What is too large is refused before it is read, and nothing small costs much."""

import json
import tempfile
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from api.body_limit import MAX_BODY_BYTES, BodyLimit
from tests.api.wire import FORM, RECIPIENT, Service, form, part, shape_problem

FIVE_HUNDRED_MB = 500 * 1024 * 1024
MB = 1024 * 1024


class Endless:
    """A body of so many bytes that counts how many are read."""

    def __init__(self, size: int) -> None:
        self.left, self.read_so_far = size, 0

    def read(self, size: int = -1) -> bytes:
        size = self.left if size < 0 else min(size, self.left)
        self.left -= size
        self.read_so_far += size
        return bytes(size)


class Answered:
    """A WSGI application's answer that knows whether it was closed."""

    def __init__(self) -> None:
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"read"])

    def close(self) -> None:
        self.closed = True


def call(environ: dict[str, Any]) -> tuple[str, bytes, Answered]:
    """Return status and body, and what the application answered if it was asked."""
    answered, statuses = Answered(), []

    def application(environ: dict[str, Any], start_response: Any) -> Answered:
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start_response("200 OK", [])
        return answered

    body = taken(BodyLimit(application)(environ, lambda status, headers: statuses.append(status)))
    return statuses[0], body, answered


def taken(answer: Any) -> bytes:
    """Return the whole answer, as a server takes it: it closes it behind the last piece."""
    body = b"".join(answer)
    getattr(answer, "close", lambda: None)()
    return body


def test_a_length_over_the_limit_is_refused_without_a_read() -> None:
    for length in (FIVE_HUNDRED_MB, MAX_BODY_BYTES + 1, 10**30):
        stream = Endless(FIVE_HUNDRED_MB)
        status, body, _ = call({"CONTENT_LENGTH": str(length), "wsgi.input": stream})
        assert (status[:3], stream.read_so_far) == ("413", 0)
        answer = json.loads(body)
        assert (answer["success"], answer["code"], answer["errors"]) == (False, "request_too_large", [])


def test_a_body_of_the_limit_passes() -> None:
    stream = Endless(MAX_BODY_BYTES)
    assert call({"CONTENT_LENGTH": str(MAX_BODY_BYTES), "wsgi.input": stream})[:2] == ("200 OK", b"read")


@pytest.mark.parametrize("coding", ["chunked", "Chunked", "gzip, chunked"])
def test_a_chunked_body_is_cut_at_the_limit(coding: str) -> None:
    stream = Endless(30 * MB)
    status, _, _ = call({"HTTP_TRANSFER_ENCODING": coding, "wsgi.input": stream})
    assert status[:3] == "413"
    assert stream.read_so_far <= MAX_BODY_BYTES + 64 * 1024


def test_a_chunked_body_below_the_limit_gets_a_length_and_its_answer_is_closed() -> None:
    environ = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": BytesIO(b"x" * 1000)}
    status, body, answered = call(environ)
    assert (status, body, environ["CONTENT_LENGTH"], answered.closed) == ("200 OK", b"read", "1000", True)


@pytest.mark.parametrize("head", [{"CONTENT_LENGTH": "100000"}, {"HTTP_TRANSFER_ENCODING": "chunked"}])
def test_the_body_of_one_who_is_not_admitted_is_not_read(head: dict[str, str]) -> None:
    stream, seen = Endless(1000), []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append((environ["CONTENT_LENGTH"], environ["wsgi.input"].read()))
        return []

    limit = BodyLimit(application, admits=lambda environ: False)
    assert taken(limit({**head, "wsgi.input": stream}, lambda status, headers: None)) == b""
    assert (seen, stream.read_so_far) == ([("0", b"")], 0)


def test_a_length_that_is_none_reads_nothing() -> None:
    for length in ("", "abc", "-1", "+5", "1_000", "\u00b2"):
        try:
            status, _, _ = call({"CONTENT_LENGTH": length, "wsgi.input": Endless(0)})
        except ValueError:
            continue  # the inner application of this test, not the limit
        assert status == "200 OK"


TO = part('form-data; name="to_addresses"', RECIPIENT.encode())
BODY = part('form-data; name="body"', b"Hi")
REFUSED_FORMS = {
    "too large": form([TO, part('form-data; name="a"; filename="a"', bytes(8 * MB))]),
    "too large together": form(
        [TO, *(part(f'form-data; name="a{i}"; filename="a"', bytes(MB)) for i in range(8))]
    ),
    "cut off": form([TO, part('form-data; name="a"; filename="a"', bytes(MB))])[:-10],
    "no recipient": form([part('form-data; name="a"; filename="a"', bytes(MB))]),
    "bad name": form([TO, part('form-data; name="a"; filename="a%0Ab"', bytes(MB))]),
    "bad field after it": form(
        [TO, part('form-data; name="a"; filename="a"', bytes(MB)), part('form-data; name="b"', b"")]
    ),
    "twice": form([TO, BODY, part('form-data; name="a"; filename="a"', bytes(MB)), BODY]),
    "as a text": form([TO, part('form-data; name="body"; filename="a"', bytes(MB))]),
    "bad Base64": form(
        [TO, part('form-data; name="a"; filename="a"', b"A" * MB + b"!", "Content-Transfer-Encoding: base64")]
    ),
    "bad charset": form(
        [
            TO,
            part('form-data; name="a"; filename="a"', bytes(MB)),
            part('form-data; name="_charset_"', b"utf-16"),
        ]
    ),
    "too many": form([TO, *(part(f'form-data; name="a{i}"; filename="a"', b"") for i in range(150))]),
    "attachments twice": form(
        [TO, part('form-data; name="attachments"', b"[]"), part('form-data; name="a"; filename="a"', b"x")]
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", REFUSED_FORMS)
def test_a_refused_upload_leaves_no_file_behind(
    service: Service, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # another run has the system's folder as well
    assert service.problems(REFUSED_FORMS[name], FORM, None, must="refuse") == ""
    assert list(tmp_path.glob("gomail-upload-*")) == []


@pytest.mark.django_db
def test_an_accepted_upload_leaves_no_temporary_file_either(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    body = form([TO, part('form-data; name="a"; filename="a"', bytes(MB))])
    assert service.post(body, FORM).status_code == 200
    assert list(tmp_path.glob("gomail-upload-*")) == []


def long_json(**fields: Any) -> bytes:
    return json.dumps(
        {"to_addresses": [RECIPIENT], "subject": "Hello", **fields}, ensure_ascii=False
    ).encode()


EXPENSIVE = {
    "brackets": b"[" * 12_000_000,
    "braces": b'{"a":' * 2_300_000,
    "commas": long_json(to_addresses="," * 11_000_000),
    "short addresses": long_json(to_addresses="a@b.org " * 1_400_000),
    "list of addresses": long_json(to_addresses=["a@b.org"] * 1_000_000),
    "one address": long_json(to_addresses="a" * 11_000_000 + "@example.org"),
    "one domain": long_json(to_addresses=["a@" + "b." * 5_500_000 + "org"]),
    "one letter domain": long_json(to_addresses=["a@" + "ä" * 5_000_000 + ".org"]),
    "one name": long_json(to_addresses=["x " * 5_000_000 + "<a@example.org"]),
    "one quoted name": long_json(to_addresses=['"' + '\\"' * 2_500_000 + '" <a@example.org>']),
    "many headers": long_json(headers={f"X-{i}": "v" for i in range(1999)}),
    "one header": long_json(headers={"X-A": "v" * 11_000_000}),
    "one header's name": long_json(headers={"X" * 11_000_000: "v"}),
    "unknown fields": long_json(**{f"attachmentsto_addressescc_headers{i}": 1 for i in range(1900)}),
    "one unknown field": long_json(**{"to_addresse" * 1_000_000: 1}),
    "one file name": long_json(attachments=[{"filename": "é/" * 3_500_000, "content": ""}]),
    "one content type": long_json(
        attachments=[{"filename": "a", "content": "", "content_type": "a/" * 5_000_000}]
    ),
    "one content id": long_json(
        attachments=[{"filename": "a", "content": "", "content_id": "a" * 11_000_000}]
    ),
    "base64 of line ends": long_json(attachments=[{"filename": "a", "content": "\n" * 5_000_000}]),
    "base64 of signs": long_json(attachments=[{"filename": "a", "content": "=" * 9_000_000}]),
    "tags": long_json(tags=["x"] * 1_000_000),
    "metadata": long_json(metadata={"x" * 11_000_000: "y"}),
    "escapes": b'{"to_addresses": "ann@example.org", "body": "' + b"\\u00e9" * 1_900_000 + b'"}',
    "html of tags": long_json(body="<p><br>" * 290_000),
    "html of attributes": long_json(body="<p " + " ".join(f"a{i}" for i in range(250_000)) + ">x"),
    "html of a wide table": long_json(body="<table><tr><td>" + "x" * 500_000 + "<tr><td>a<td>b" * 100_000),
    "html of brackets": long_json(body="<p>" + "<" * 2_000_000),
    "lines": long_json(body="\n" * 2_000_000),
    "dots": long_json(body=".\n" * 1_000_000),
    "letters": long_json(body="ä" * 2_000_000),
    "surrogate pairs": long_json(body="😀" * 2_000_000),
    "spaces": long_json(body=" " * 2_000_000),
    "returns": long_json(body="\r" * 2_000_000),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", EXPENSIVE)
def test_no_request_costs_more_than_two_seconds(service: Service, name: str) -> None:
    start = time.process_time()
    answer = service.post(EXPENSIVE[name], "application/json")
    assert time.process_time() - start < 20
    assert shape_problem(answer) == ""
    assert len(answer.content) < 5000


@pytest.mark.django_db
@pytest.mark.parametrize(
    "content",
    [b"\r" * 7_000_000, b"\r\n-" * 2_300_000, b"\r\n--a-boundary-of-our" * 330_000, b"\n" * 7_000_000],
    ids=range(4),
)
def test_a_file_of_almost_boundaries_costs_no_more(service: Service, content: bytes) -> None:
    start = time.process_time()
    assert (
        service.post(form([TO, part('form-data; name="a"; filename="a.bin"', content)]), FORM).status_code
        == 200
    )
    assert time.process_time() - start < 20
