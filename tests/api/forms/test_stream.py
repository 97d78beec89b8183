"""Where a read ends makes no difference, and what stands around the parts means nothing."""

import time
from contextlib import suppress
from io import BytesIO

import pytest

from api.forms import stream

BOUNDARY = b"----WebKitFormBoundary7MA4YWxkTrZu0gW"
HEAD = b'--%b\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n\r\n' % BOUNDARY
END = b"\r\n--%b--\r\n" % BOUNDARY
Event = stream.Head | bytes | None
Parts = list[tuple[tuple[bytes, ...], bytes]]


def read(body: bytes, boundary: bytes = BOUNDARY, at_once: int = stream.READ_BYTES) -> Parts:
    """Return the parts of a body that comes in reads of so many bytes."""
    source = BytesIO(body)
    found: Parts = []
    for event in stream.events(lambda size: source.read(min(size, at_once)), boundary):
        if isinstance(event, stream.Head):
            found.append((event.lines, b""))
        elif event is not None:
            found[-1] = found[-1][0], found[-1][1] + event
    return found


def body_of(length: int, epilogue: bytes = b"") -> tuple[bytes, bytes]:
    """Return a form of exactly so many bytes, and the content of its only file."""
    size = length - len(HEAD) - len(END) - len(epilogue)
    content = (b"0123456789\r\n--" * (size // 14 + 1))[:size]
    return HEAD + content + END + epilogue, content


AROUND = [
    length
    for multiple in range(stream.READ_BYTES, 200_001, stream.READ_BYTES)
    for length in range(multiple - 300, min(multiple + 300, 200_001))
]


def test_a_form_of_every_length_around_every_read_is_read_as_it_is() -> None:
    for length in AROUND:
        body, content = body_of(length)
        assert len(body) == length
        assert read(body)[0][1] == content, length


@pytest.mark.parametrize("epilogue", [b"\r\n", b"x", b"\r\n" * 300, b"--", bytes(1000), b"\r\n--another"])
def test_an_epilogue_may_begin_at_every_offset_of_a_read(epilogue: bytes) -> None:
    for length in range(stream.READ_BYTES - 80, stream.READ_BYTES + len(epilogue) + 80):
        body, content = body_of(length, epilogue)
        assert read(body)[0][1] == content, length


def test_every_length_from_nothing_to_two_small_reads_gives_what_one_read_gives() -> None:
    """The same in little: reads of 512 bytes, and every length up to three of them, to the last byte."""
    for length in range(len(HEAD) + len(END), 1700):
        body, content = body_of(length)
        assert read(body, at_once=512) == read(body, at_once=length) == [(read(body)[0][0], content)]


@pytest.mark.parametrize("at_once", [1, 2, 3, 7, 38, 39, 40, 41, 64])
def test_several_parts_are_read_alike_whatever_a_read_brings(at_once: int) -> None:
    body = (
        b"preamble\r\n"
        + HEAD
        + b"\r\n\r--\r\n"
        + b"\r\n"
        + HEAD
        + b""
        + b"\r\n"
        + HEAD
        + b"x"
        + END
        + b"epilogue"
    )
    assert [content for _, content in read(body, at_once=at_once)] == [b"\r\n\r--\r\n", b"", b"x"]


@pytest.mark.parametrize(
    "boundary",
    [
        b"===1732781234===",
        b"----=_Part_0_19.16",
        b"a'b(c)d+e_f,g-h./i:j=k?l",
        b"x",
        b"a b",
        b"-",
        b"--",
        b"=" * 70,
    ],
)
def test_a_boundary_may_be_odd(boundary: bytes) -> None:
    body = HEAD.replace(BOUNDARY, boundary) + b"content" + END.replace(BOUNDARY, boundary)
    assert read(body, boundary)[0][1] == b"content"


@pytest.mark.parametrize("at_once", [1, 2, 3, 4, 5, 40, stream.READ_BYTES])
@pytest.mark.parametrize("between", [b"", b"\r\n", b"preamble\r\n"])
def test_a_byte_order_mark_in_front_is_no_part_of_it(between: bytes, at_once: int) -> None:
    whole = read(HEAD + b"x" + END)
    assert read(b"\xef\xbb\xbf" + between + HEAD + b"x" + END, at_once=at_once) == whole


@pytest.mark.parametrize("at_once", [1, 7, 40, stream.READ_BYTES])
@pytest.mark.parametrize(
    "junk", [b"x", b" ", b"\n", b"\r", b"\xef\xbb\xbf\xef\xbb\xbf", b"a\r\nb", b"x" * 70_000]
)
def test_no_part_is_lost_behind_a_preamble_that_does_not_end_its_line(junk: bytes, at_once: int) -> None:
    with pytest.raises(stream.BrokenForm, match="something stands before a boundary"):
        read(junk + HEAD + b"x\r\n" + HEAD + b"y" + END, at_once=at_once)


@pytest.mark.parametrize("blanks", [b" ", b"\t", b" \t  ", b" " * 1000])
def test_blanks_may_stand_behind_a_boundary(blanks: bytes) -> None:
    body = (
        HEAD.replace(b"\r\n", blanks + b"\r\n", 1)
        + b"content"
        + END.replace(b"--\r\n", b"--" + blanks + b"\r\n")
    )
    assert read(body)[0][1] == b"content"


def test_headers_may_be_folded_between_their_parameters() -> None:
    head = HEAD.replace(b'"f"; filename', b'"f";\r\n filename')
    assert read(head + b"x" + END) == read(HEAD + b"x" + END)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "does not stand in it"),
        (b"x" * 100_000, "does not stand in it"),
        (HEAD.replace(b"\r\n", b"\n") + b"x" + END, "does not stand in it|LF or CR alone"),
        (HEAD, "ends before its last boundary"),
        (HEAD + b"x" + END[:-4], "ends before its last boundary"),
        (HEAD + b"x" + END[:-3], "ends before its last boundary"),
        (HEAD[:-10], "ends before its last boundary"),
        (HEAD + b"x" + END + HEAD + b"y" + END, "behind the last boundary"),
        (HEAD.replace(b"\r\n", b"x\r\n", 1) + b"x" + END, "behind a boundary"),
        (HEAD.replace(b'.bin"', b'.\r\n bin"') + b"x" + END, "folded"),
        (HEAD.replace(b'.bin"', b';\r\n bin"') + b"x" + END, "folded"),
        (HEAD.replace(b"\r\nC", b"\r\n C") + b"x" + END, "folded"),
        (HEAD.replace(b"name", b"na\rme", 1) + b"x" + END, "LF or CR alone"),
        (HEAD.replace(b"name", b"na\nme", 1) + b"x" + END, "LF or CR alone"),
        (HEAD.replace(b"name", b"x" * 9000) + b"x" + END, "more than 8192 bytes"),
        (HEAD.replace(b"\r\n\r\n", b"\r\nX: y" * 20 + b"\r\n\r\n") + b"x" + END, "more than 16 headers"),
        ((HEAD + b"\r\n") * 2001 + END[2:], "more than 2,000 parts"),
    ],
)
def test_what_could_be_cut_in_two_ways_is_refused_with_its_reason(body: bytes, says: str) -> None:
    with pytest.raises(stream.BrokenForm, match=says):
        read(body)


def test_seven_megabytes_are_handed_on_in_small_pieces() -> None:
    source = BytesIO(HEAD + bytes(7 * 1024 * 1024) + END)
    sizes = [len(event) for event in stream.events(source.read, BOUNDARY) if isinstance(event, bytes)]
    assert sum(sizes) == 7 * 1024 * 1024
    assert max(sizes) <= stream.READ_BYTES + len(BOUNDARY) + 4


@pytest.mark.parametrize(
    "piece", [b"\r", b"\r\n-", b"\r\n--" + BOUNDARY[:-1], b"-", b"\r\n--" + BOUNDARY + b"\r"]
)
def test_megabytes_of_almost_boundaries_are_read_or_refused_at_once(piece: bytes) -> None:
    start = time.process_time()
    with suppress(stream.BrokenForm):
        read(HEAD + piece * (3_000_000 // len(piece)) + END)
    assert time.process_time() - start < 20
