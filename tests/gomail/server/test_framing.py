"""A request that could be read in two ways is refused, and after that nothing is answered on its connection."""

from collections.abc import Iterator

import pytest

from tests import fakes
from tests.api.server import Server, serving

pytestmark = pytest.mark.processes
HOST = b"Host: localhost\r\n"
POST = f"POST {fakes.V1}send-email/ HTTP/1.1\r\n".encode()
GET = f"GET {fakes.V1}error-codes/ HTTP/1.1\r\n".encode()
NEXT = GET + HOST + b"\r\n"  # what an attacker hides behind it
CHUNK = b"5\r\nhello\r\n0\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def te(value: bytes, *more: bytes) -> bytes:
    return POST + HOST + b"Transfer-Encoding: " + value + b"\r\n" + b"".join(more) + b"\r\n" + CHUNK


def length(value: bytes, *more: bytes) -> bytes:
    return POST + HOST + b"Content-Length: " + value + b"\r\n" + b"".join(more) + b"\r\nhello"


def chunks(body: bytes) -> bytes:
    return POST + HOST + CHUNKED + b"\r\n" + body


def header(line: bytes) -> bytes:
    return GET + HOST + line + b"\r\n\r\n"


OTHER_CODINGS = [
    te(value)
    for value in (
        b"gzip", b"gzip, chunked", b"chunked, gzip", b"identity", b"identity, chunked", b"deflate", b"compress",
        b"xchunked", b"x-chunked", b"chunked;q=1", b'"chunked"', b"chunked,", b",chunked", b"", b"chunk",
        b"br", b"trailers", b"magic",
    )
]  # fmt: skip
AMBIGUOUS = [
    te(b"chunked, chunked"), te(b"chunked", b"Transfer-Encoding: chunked\r\n"),
    te(b"chunked", b"Content-Length: 5\r\n"), te(b"Chunked", b"Content-Length: 0\r\n"),
    length(b"5", CHUNKED), length(b"5", b"Content-Length: 5\r\n"), length(b"5", b"Content-Length: 6\r\n"),
    length(b"5, 5"), length(b"+5"), length(b"-5"), length(b"0x5"), length(b"5 5"), length(b"5_0"), length(b""),
    length(b"\xb2"), length(b"5.0"), length(b"5e0"), length(b"9" * 5000),
    te(b"\x0bchunked"), te(b"chunked\x00"), te(b"chunked\r\n folded"), te(b"chun\rked"),
    POST + HOST + b"Transfer-Encoding : chunked\r\n\r\n" + CHUNK,
    POST + HOST + b"Transfer-Encoding\t: chunked\r\n\r\n" + CHUNK,
    POST + HOST + b" Transfer-Encoding: chunked\r\n\r\n" + CHUNK,
    POST + HOST + b"Content-Length : 5\r\n\r\nhello",
    POST.replace(b"1.1", b"1.0") + HOST + CHUNKED + b"\r\n" + CHUNK,
    header(b"X: a\r\n b"), header(b"X: a\rb"), header(b"X: a\nb"), header(b"X: a\x00b"), header(b"X\x00: a"),
    header(b"X"), header(b": a"), header(b"X y: a"), header(b"X: a\r\n\tb"), header(b"X\r: a"), header(b"\x85X: a"),
    GET + b"\r\n", GET + HOST + HOST + b"\r\n", GET + b"Host : localhost\r\n\r\n", GET + b" Host: localhost\r\n\r\n",
    GET + b"host: localhost\r\nHOST: other\r\n\r\n", POST + b"Content-Length: 5\r\n\r\nhello",
    GET.replace(b"\r\n", b"\n") + HOST + b"\r\n", GET + HOST.replace(b"\r\n", b"\n") + b"\r\n", GET + HOST + b"\n",
    GET.replace(b"HTTP/1.1", b"HTTP/1.1 x") + HOST + b"\r\n", GET.replace(b" HTTP", b"  HTTP") + HOST + b"\r\n",
    GET.replace(b"HTTP/1.1", b"HTTP/0.9") + HOST + b"\r\n", GET.replace(b"HTTP/1.1", b"HTTP/2.0") + HOST + b"\r\n",
    GET.replace(b"HTTP/1.1", b"http/1.1") + HOST + b"\r\n", GET.replace(b"GET ", b"get ") + HOST + b"\r\n",
    GET.replace(b"GET ", b"G\x00T ") + HOST + b"\r\n", GET.replace(b"/api", b"/\xffapi") + HOST + b"\r\n",
    GET.replace(b"/api", b"/a\tpi") + HOST + b"\r\n", GET.replace(b"/api", b"api") + HOST + b"\r\n",
    chunks(b"zz\r\n"), chunks(b"-5\r\nhello\r\n"), chunks(b"+5\r\nhello\r\n"), chunks(b"0x5\r\nhello\r\n"),
    chunks(b" 5\r\nhello\r\n"), chunks(b"5 \r\nhello\r\n"), chunks(b"5\nhello\n0\n\n\r\n"), chunks(b"\r\nhello\r\n"),
    chunks(b"5\r\nhelloX\r\n0\r\n\r\n"), chunks(b"5\r\nhello0\r\n\r\n"), chunks(b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    chunks(b"5\r\nhello\r\n0\r\nHost: evil\r\n\r\n"), chunks(b"5\r\nhello\r\n0\r\nX : a\r\n\r\n"),
    chunks(b"5\r\nhello\r\n0\r\nX: a\nY: b\r\n\r\n"), chunks(b"5" * 20_000),
    chunks(b"5;=\r\nhello\r\n0\r\n\r\n"), chunks(b"5;a=\"\r\nhello\r\n0\r\n\r\n"), chunks(b"\xb25\r\nhello\r\n"),
]  # fmt: skip
EXPECTED = [
    header(line)
    for line in (b"Expect: a-pony", b"Expect: 100-continue, a-pony", b"Expect:", b"Expect: 200-ok")
]
REFUSED = [
    *((501, one) for one in OTHER_CODINGS),
    *((400, one) for one in AMBIGUOUS),
    *((417, one) for one in EXPECTED),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server"), API_KEY_REQUIRED="false") as server:
        yield server


def everything(server: Server, request: bytes) -> bytes:
    """Send, and return all that comes until the connection is closed."""
    data = b""
    with server.connect() as connection:
        connection.sendall(request)
        while piece := connection.recv(65536):
            data += piece
    return data


@pytest.mark.parametrize(("status", "request_"), REFUSED, ids=range(len(REFUSED)))
def test_it_is_refused_and_what_follows_is_not_answered(server: Server, status: int, request_: bytes) -> None:
    answer = everything(server, request_ + NEXT)
    assert answer.count(b"HTTP/1.1 ") == 1, answer
    assert int(answer.split()[1]) == status
    assert b"connection: close" in answer.lower()


def test_a_refused_request_is_at_most_one_short_line_of_the_log(server: Server) -> None:
    for _, request in REFUSED:
        before = server.log.stat().st_size
        everything(server, request)
        said = server.log.read_bytes()[before:].decode()
        assert len(said.splitlines()) <= 1, (request, said)
        assert len(said) < 200
        assert said.strip().isprintable()


def test_a_body_that_nobody_reads_is_never_taken_for_the_next_request(server: Server) -> None:
    for method, path in (
        ("POST", "/api/nowhere/"), ("POST", "/nowhere"), ("GET", f"{fakes.V1}emails/"), ("POST", "/health/live"),
        ("DELETE", f"{fakes.V1}send-email/"), ("POST", "/static/delivery/icon.svg"), ("PUT", "/admin/"),
    ):  # fmt: skip
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(NEXT)}\r\n\r\n".encode()
        answer = everything(server, head + NEXT)
        assert answer.count(b"HTTP/1.1 ") == 1, (path, answer)


def test_a_client_of_http_1_0_needs_no_host(server: Server) -> None:
    answer = everything(server, b"GET /health/live HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert answer.split()[1] == b"200"
    assert everything(server, b"GET /health/live HTTP/1.0\r\n\r\n").split()[1] in (b"200", b"400")


@pytest.mark.parametrize("value", [b"100-continue", b"100-Continue", b"100-CONTINUE"])
def test_who_asks_whether_to_go_on_is_told_so_where_the_body_is_wanted(server: Server, value: bytes) -> None:
    body = b'{"from_address": "me@example.org", "to_addresses": "ann@example.org"}'
    head = POST + HOST + b"Content-Type: application/json\r\nExpect: " + value + b"\r\nConnection: close\r\n"
    with server.connect() as connection:
        connection.sendall(head + f"Content-Length: {len(body)}\r\n\r\n".encode())
        assert connection.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert connection.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (POST + b"Content-Length: 500000000\r\n", b"413"),
        (b"POST /api/nowhere/ HTTP/1.1\r\nContent-Length: 100\r\n", b"501"),
        (b"POST /nowhere HTTP/1.1\r\nContent-Length: 100\r\n", b"404"),
        (b"POST /admin/login/ HTTP/1.1\r\nContent-Length: 65537\r\n", b"413"),
        (b"POST /health/live HTTP/1.1\r\nContent-Length: 100\r\n", b"405"),
        (b"POST /nowhere HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", b"404"),
    ],
)
def test_where_the_body_is_not_wanted_nobody_says_go_on(server: Server, head: bytes, status: bytes) -> None:
    answer = everything(server, head + HOST + b"Expect: 100-continue\r\n\r\n")
    assert answer.split()[1] == status
    assert answer.count(b"HTTP/1.1 ") == 1
