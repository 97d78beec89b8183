"""What a part's Content-Transfer-Encoding says is undone, whatever a read brings."""

import base64
import quopri
import random
import time

import pytest

from api.forms import transfer
from api.forms.stream import BrokenForm

CONTENT = bytes(range(256)) * 20


def undone(encoding: str, text: bytes, at_once: int = 1000) -> bytes:
    decoder = transfer.decoder(encoding)
    pieces = [decoder.feed(text[start : start + at_once]) for start in range(0, len(text), at_once)]
    return b"".join(pieces) + decoder.finish()


@pytest.mark.parametrize("encoding", ["", "7bit", "8bit", "binary", "Binary", " 8BIT "])
def test_what_is_as_it_is_stays_so(encoding: str) -> None:
    assert undone(encoding, CONTENT) == CONTENT


@pytest.mark.parametrize("at_once", [1, 2, 3, 4, 5, 76, 77, 78, 1000])
@pytest.mark.parametrize("size", [0, 1, 2, 3, 57, 58, 59, 60, len(CONTENT)])
def test_base64_is_decoded_in_lines_of_any_length(size: int, at_once: int) -> None:
    content = CONTENT[:size]
    lines = base64.encodebytes(content)
    for text in (
        lines,
        lines.replace(b"\n", b"\r\n"),
        base64.b64encode(content),
        base64.b64encode(content).rstrip(b"="),
    ):
        assert undone("base64", text, at_once) == content
        assert undone("Base64", text + b"\r\n", at_once) == content


@pytest.mark.parametrize(
    "text", [b"e", b"eA=", b"=", b"eA==eA==", b"e!==", b"eA\x00=", b"-_-_", b"eHh4eA==eHh4"]
)
def test_what_is_no_base64_is_refused(text: bytes) -> None:
    if text == b"eA=":
        assert (
            undone("base64", text) == b"x"
        )  # one sign of the padding was lost on the way; nothing else can be meant
        return
    for at_once in (1, 3, 100):
        with pytest.raises(BrokenForm, match="Base64"):
            undone("base64", text, at_once)


@pytest.mark.parametrize("at_once", [1, 2, 3, 75, 76, 77, 1000])
def test_quoted_printable_is_decoded(at_once: int) -> None:
    generator = random.Random(2045)
    for _ in range(20):
        content = (
            bytes(generator.choices(b"ab= \t\r\n.\xc3\xa4", k=300))
            .replace(b"\r", b"")
            .replace(b"\n", b"\r\n")
        )
        assert undone("quoted-printable", quopri.encodestring(content), at_once) == content


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (b"", b""),
        (b"a=C3=A4", b"a\xc3\xa4"),
        (b"a=c3=a4", b"a\xc3\xa4"),
        (b"soft =\r\nbreak", b"soft break"),
        (b"soft =\nbreak=", b"soft break"),
        (b"soft =  \r\nbreak", b"soft break"),
        (b"blanks \t\r\nend  ", b"blanks\r\nend"),
        (b"=20\r\n=09", b" \r\n\t"),
        (b"a_b", b"a_b"),
    ],
)
def test_quoted_printable_is_read_as_the_standard_says(text: bytes, content: bytes) -> None:
    for at_once in (1, 2, 100):
        assert undone("quoted-printable", text, at_once) == content


@pytest.mark.parametrize("text", [b"=x", b"=4", b"==", b"100=%", b"a=C3=A"])
def test_what_is_no_quoted_printable_is_refused(text: bytes) -> None:
    for at_once in (1, 100):
        with pytest.raises(BrokenForm, match="quoted-printable"):
            undone("quoted-printable", text + b".", at_once)


@pytest.mark.parametrize(
    "encoding", ["x-uuencode", "gzip", "base-64", "quoted printable", "7bit, base64", "ä"]
)
def test_another_encoding_is_refused_by_its_name(encoding: str) -> None:
    with pytest.raises(BrokenForm) as error:
        transfer.decoder(encoding)
    assert ascii(encoding) in str(error.value)
    assert "base64 and quoted-printable are read" in str(error.value)


@pytest.mark.parametrize("piece", [b"=", b"=3D", b" ", b" \n", b"=\n", b"a" * 70 + b"\n", b"\r\n", b"A"])
def test_megabytes_of_anything_cost_no_time(piece: bytes) -> None:
    start = time.process_time()
    for encoding in ("base64", "quoted-printable"):
        try:
            undone(encoding, piece * (7_000_000 // len(piece)), 65_536)
        except BrokenForm:
            continue
    assert time.process_time() - start < 20
