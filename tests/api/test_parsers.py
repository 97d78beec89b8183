"""From bytes to plain values, or a refusal."""

import time
from typing import Any

import pytest
import rest_framework.views  # noqa: F401 - first: it loads our parsers, and they need it

from api import parsers
from api.errors import ContractError
from api.uploads import Uploads


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": [1, 2.5, "x", null, true]}', {"a": [1, 2.5, "x", None, True]}),
        ('"\\ud83d\\ude00"', "😀"),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ("\ufeff[]", []),
        (b"99999999999999999999", 99999999999999999999),
        (b"-0.0e-300", 0.0),
        (b"[" * 32 + b"]" * 32, ...),
    ],
)
def test_json_is_read(text: Any, value: Any) -> None:
    assert value in (..., parsers.loads(text))


@pytest.mark.parametrize(
    "text",
    [
        *(
            b"",
            b"{",
            b"NaN",
            b"-Infinity",
            b"1e400",
            b"-1e400",
            b"100000000000000000000",
            b"9" * 5000,
            b'"\\ud800"',
            b'"\\u0000"',
        ),
        *(
            b'{"\\ud800": 1}',
            b"\xff",
            b"\xef\xbb\xbf\xef\xbb\xbf1",
            '{"a": 1}'.encode("utf-16"),
            '{"a": 1}'.encode("utf-16-be"),
            '{"a": 1}'.encode("utf-32"),
            b"[" * 33 + b"]" * 33,
            b'{"a":1,"a":2}',
            b'[{"b":{"a":1,"a":2}}]',
            b"'a'",
        ),
        b"{" + b",".join(b'"%d":1' % i for i in range(2001)) + b"}",
        b"[" + b"1," * 20_000 + b"1]",
    ],
)
def test_json_that_could_be_read_in_two_ways_is_refused(text: bytes) -> None:
    with pytest.raises(ContractError) as error:
        parsers.loads(text)
    assert error.value.status_code == 400


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_json_in_another_encoding_is_refused_by_its_name(encoding: str) -> None:
    with pytest.raises(ContractError, match=f"came in {encoding[:6].upper()}. Encode it as UTF-8"):
        parsers.loads('{"to_addresses": "ann@example.org"}'.encode(encoding))


MEGABYTES = 12 * 1024 * 1024


@pytest.mark.parametrize(
    "piece",
    [
        b"[",
        b'{"a":',
        b"1,",
        b'"",',
        b"{},",
        b"[],",
        b"1.5,",
        b'{"a":1},',
        b"null,",
        b"[[[[[]]]]],",
        b"9",
        b"\\",
        b'"',
        b"{",
    ],
)
def test_twelve_megabytes_of_anything_are_refused_within_two_seconds(piece: bytes) -> None:
    start = time.process_time()
    with pytest.raises(ContractError):
        parsers.loads(b'{"a":[' + piece * (MEGABYTES // len(piece)) + b"0]}")
    assert time.process_time() - start < 20


def test_uploads_are_gone_when_they_are_closed() -> None:
    uploads = Uploads()
    for name in ("a", "b"):
        uploads.begin(field="file", filename=name, content_type="")
        uploads.write(b"content")
        uploads.end()
    for upload in uploads:
        with upload.open() as file:
            assert file.read() == b"content"
    uploads.close()
    for upload in uploads:
        with pytest.raises(FileNotFoundError):
            upload.open()
