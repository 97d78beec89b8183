"""A real server under uploads that are too large: the answer comes before the upload does."""

import json
import select
import socket
import time
from collections.abc import Iterator

import pytest

from tests import fakes
from tests.api.server import serving, whole_answer

pytestmark = pytest.mark.processes
MB = 1024 * 1024
PIECE = bytes(64 * 1024)
SOON = 15.0  # seconds


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server that asks for no key."""
    with serving(tmp_path_factory.mktemp("server"), API_KEY_REQUIRED="false") as server:
        yield server.port


def upload(port: int, head: str, pieces: Iterator[bytes]) -> tuple[bytes, int]:
    """Send until an answer comes, as HTTP clients do; return it, and how many bytes of the body were sent."""
    lines = (
        f"POST {fakes.V1}send-email/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{head}"
    )
    sent = 0
    with socket.create_connection(("127.0.0.1", port), SOON) as connection:
        connection.sendall(lines.encode() + b"\r\n\r\n")
        for piece in pieces:
            if select.select([connection], [], [], 0)[0]:
                break
            try:
                connection.sendall(piece)
            except ConnectionError:
                break
            sent += len(piece)
        return whole_answer(connection), sent


def assert_413(answer: bytes) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b" ")[1] == b"413", answer[:200]
    assert (json.loads(body)["success"], json.loads(body)["code"]) == (False, "request_too_large")


def endless() -> Iterator[bytes]:
    return iter(lambda: PIECE, None)


def chunks(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b"%x\r\n%b\r\n" % (len(PIECE), PIECE)
    yield b"0\r\n\r\n"


def test_five_hundred_megabytes_are_refused_after_four_at_most(port: int) -> None:
    start = time.monotonic()
    answer, sent = upload(port, f"Content-Length: {500 * MB}", endless())
    assert_413(answer)
    assert sent <= 4 * MB
    assert time.monotonic() - start < 25


def test_a_client_that_asks_first_sends_nothing(port: int) -> None:
    answer, sent = upload(port, f"Expect: 100-continue\r\nContent-Length: {500 * MB}", patient())
    assert_413(answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n"))  # gunicorn's own, before it asks us
    assert sent == 0


def patient() -> Iterator[bytes]:
    time.sleep(1)  # curl waits so long for 100 Continue
    yield from endless()


def test_a_client_that_does_not_listen_is_cut_off(port: int) -> None:
    head = f"POST {fakes.V1}send-email/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: {500 * MB}\r\n\r\n"
    sent = 0
    with socket.create_connection(("127.0.0.1", port), SOON) as connection, pytest.raises(ConnectionError):  # noqa: PT012
        connection.sendall(head.encode())
        while sent < 500 * MB:
            sent += connection.send(PIECE)
    assert sent < 50 * MB


def test_a_chunked_upload_is_cut_at_the_limit(port: int) -> None:
    answer, sent = upload(port, "Transfer-Encoding: chunked", chunks(8000))
    assert_413(answer)
    assert sent <= 12 * MB + 16 * MB  # of 500; what was not read lies in the buffers of two sockets


def test_a_small_chunked_upload_is_read(port: int) -> None:
    body = json.dumps({"to_addresses": "ann@example.org", "subject": "Hello"}).encode()
    answer, _ = upload(
        port, "Transfer-Encoding: chunked", iter([b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)])
    )
    assert answer.split(b" ")[1] == b"200", answer


@pytest.mark.parametrize(
    "body", [b"zz\r\n", b"5\r\nabc", b"-1\r\nx\r\n", b"ffffffffffffffffffff\r\nx", b"1\r\nxx\r\n0\r\n\r\n"]
)
def test_a_broken_chunk_stores_nothing_and_is_no_500(port: int, body: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), SOON) as connection:
        head = f"POST {fakes.V1}send-email/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        answer = whole_answer(connection)
    assert not answer or answer.split(b" ")[1] == b"400", answer[:300]


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("imports/", "text/csv", b"email\nann@example.org\nbob@exam"),
        ("suppressions/import/", "text/csv", b"address\nann@example.org\nbob@example.org\n"),
        ("send-email/", "application/x-www-form-urlencoded", b"to_addresses=ann@example.org&subject=Hel"),
        ("send-email/", "application/json", b'{"to_addresses": "ann@example.org"}'),
    ],
)
def test_what_was_cut_off_is_not_taken_for_the_whole(port: int, path: str, kind: str, body: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), SOON) as connection:
        head = f"POST {fakes.V1}{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: 5000"
        connection.sendall(head.encode() + b"\r\n\r\n" + body)
        connection.shutdown(socket.SHUT_WR)
        answer = whole_answer(connection)
    assert answer.split(b" ")[1] == b"400", answer[:300]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "malformed_request"


@pytest.mark.parametrize(
    "head",
    ["Content-Length: x", "Content-Length: -1", "Content-Length: 5\r\nContent-Length: 6", "Bad Header: x"],
)
def test_a_head_that_cannot_be_read_is_400(port: int, head: str) -> None:
    answer, _ = upload(port, head, iter(()))
    assert answer.split(b" ")[1] == b"400", answer[:300]


def test_the_server_still_answers(port: int) -> None:
    body = b'{"to_addresses": "ann@example.org", "subject": "Hello"}'
    answer, _ = upload(port, f"Content-Length: {len(body)}", iter([body]))
    assert answer.split(b" ")[1] == b"200", answer
