"""A real server and clients that send half a request, or what is none: it has time for everybody else."""

import json
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import cycle
from pathlib import Path

import pytest

from gomail.server.worker import TimedUnreader, TooSlow
from tests import fakes
from tests.api.server import Server, serving, whole_answer
from tests.providers.fault_server import answer as slow_answer
from tests.servers import eventually

pytestmark = pytest.mark.processes
SEND = f"POST {fakes.V1}send-email/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
LOG = f"GET {fakes.V1}emails/ HTTP/1.1\r\nHost: localhost\r\n"
HALF_REQUESTS = [
    LOG.encode(),
    f"{SEND}Content-Length: 1000\r\n\r\n{{".encode(),
    f"{SEND}Transfer-Encoding: chunked\r\n\r\nff\r\n{{".encode(),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of four threads that asks for no key."""
    with serving(tmp_path_factory.mktemp("server"), API_KEY_REQUIRED="false") as server:
        yield server


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that asks for a key."""
    with serving(tmp_path_factory.mktemp("guarded")) as server:
        yield server


def ask(server: Server, request: bytes) -> bytes:
    with server.connect() as connection:
        connection.sendall(request)
        return whole_answer(connection)


def request_ids(answer: bytes) -> list[str]:
    """Return the names that an answer says the request has."""
    lines = answer.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    return [line.partition(": ")[2] for line in lines if line.lower().startswith("x-request-id:")]


def failure(answer: bytes) -> tuple[int, str]:
    """Return status and code of an answer that must have the contract's shape."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head.lower(), answer
    assert len(request_ids(answer)) == 1, answer
    content = json.loads(body)
    assert (content["success"], content["errors"], bool(content["message"])) == (False, [], True)
    return int(head.split()[1]), content["code"]


NAMED = b"Host: localhost\r\nX-Request-ID: mine-1\r\n"
TOO_LARGE = f"POST {fakes.V1}send-email/ HTTP/1.1\r\nContent-Length: 999999999\r\n".encode()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /health/live HTTP/1.1\r\n", 200),
        (b"GET /health/ready HTTP/1.1\r\n", 200),
        (b"GET /nothing HTTP/1.1\r\n", 404),
        (f"GET {fakes.V1}emails/ HTTP/1.1\r\n".encode(), 200),
        (TOO_LARGE, 413),  # answered outside of Django
    ],
)
def test_every_answer_says_the_name_that_the_client_gave_its_request(
    server: Server, head: bytes, status: int
) -> None:
    answer = ask(server, head + NAMED + b"\r\n")
    assert (int(answer.split()[1]), request_ids(answer)) == (status, ["mine-1"])


def test_a_body_that_is_none_is_answered_with_the_name_of_its_request(server: Server) -> None:
    answer = ask(server, SEND.encode() + b"X-Request-ID: mine-1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    assert (failure(answer), request_ids(answer)) == ((400, "malformed_request"), ["mine-1"])


def test_what_is_kept_of_an_answer_does_not_have_the_name_of_another_request(server: Server) -> None:
    asked = [ask(server, b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n") for _ in range(3)]
    assert len({name for answer in asked for name in request_ids(answer)}) == 3


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (b"nonsense\r\n\r\n", 400, "malformed_request"),
        (b"GET\r\n\r\n", 400, "malformed_request"),
        (b"GET /a b HTTP/1.1\r\n\r\n", 400, "malformed_request"),
        (b"GET /api/ HTTP/3.0\r\n\r\n", 400, "malformed_request"),
        (b"GET /api/ HTTP/1.1\nHost: localhost\n\n", 400, "malformed_request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "malformed_request"),
        (LOG.encode() + b"Bad Header: x\r\n\r\n", 400, "malformed_request"),
        (LOG.encode() + b" folded\r\n\r\n", 400, "malformed_request"),
        (SEND.encode() + b"Content-Length: x\r\n\r\n", 400, "malformed_request"),
        (SEND.encode() + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "malformed_request"),
        (SEND.encode() + b"Transfer-Encoding: magic\r\n\r\n", 501, "unsupported_transfer_coding"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414, "uri_too_long"),
        (LOG.encode() + b"Expect: a-pony\r\n\r\n", 417, "expectation_failed"),
        (LOG.encode() + b"X: " + b"y" * 9000 + b"\r\n\r\n", 431, "headers_too_large"),
        (LOG.encode() + b"X: y\r\n" * 101 + b"\r\n", 431, "headers_too_large"),
    ],
)
def test_what_is_no_request_is_answered_in_the_contracts_shape(
    server: Server, request_: bytes, status: int, code: str
) -> None:
    assert failure(ask(server, request_)) == (status, code)


def test_two_hundred_half_requests_hold_up_nobody_and_are_cut_off(server: Server) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(server.connect()) for _ in range(200)]
        for connection, half in zip(slow, cycle(HALF_REQUESTS), strict=False):
            connection.sendall(half)
        for _ in range(20):
            assert ask(server, f"{LOG}\r\n".encode()).split()[1] == b"200"
        for connection in slow:
            assert failure(whole_answer(connection)) == (408, "request_timeout")


def test_a_head_that_never_ends_is_cut_off(server: Server) -> None:
    with server.connect(0.2) as connection:
        connection.sendall(f"{LOG}X: ".encode())
        assert failure(dribbled(connection)) == (408, "request_timeout")


def dribbled(connection: socket.socket) -> bytes:
    """Send a letter now and then until the answer comes, for a minute at most."""
    for _ in range(300):
        with suppress(TimeoutError):
            return whole_answer(connection)
        connection.sendall(b"y")
    raise AssertionError("it was not cut off")


def test_pieces_that_come_steadily_are_read_until_the_deadline() -> None:
    near, far = socket.socketpair()
    with near, far:
        unreader = TimedUnreader(near)
        unreader.allow(60)
        far.sendall(b"a")
        assert unreader.read(1) == b"a"
        unreader.allow(0)
        far.sendall(b"b")
        with pytest.raises(TooSlow):
            unreader.read(1)


def test_a_client_that_does_not_close_holds_up_nobody(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(50):  # each would have made the main loop wait for two seconds
            lingering = stack.enter_context(server.connect())
            lingering.sendall(f"{LOG}Connection: close\r\n\r\n".encode())
            assert whole_answer(lingering).split()[1] == b"200"
        assert ask(server, f"{LOG}\r\n".encode()).split()[1] == b"200"


def test_a_head_request_is_answered_without_a_body_and_without_a_warning(server: Server) -> None:
    with server.connect() as connection:
        for _ in range(2):  # on one connection: what came after the head would be taken for the next answer
            connection.sendall(f"HEAD {LOG[4:]}\r\n".encode())
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += connection.recv(1)
            assert head.split()[1] == b"200"
        connection.sendall(f"{LOG}\r\n".encode())
        assert whole_answer(connection).startswith(b"HTTP/1.1 200")
    assert "no-body" not in server.log.read_text()


@pytest.mark.parametrize("length", ["Content-Length: 9000000", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("", "not_authenticated"),
        ("Authorization: Bearer gm_live_x_y_z\r\n", "invalid_api_key"),
        ("Authorization: Basic YTpi\r\n", "invalid_api_key"),
    ],
)
def test_a_client_without_a_key_is_answered_before_its_body(
    guarded: Server, length: str, key: str, code: str
) -> None:
    answer = ask(guarded, f"{SEND}{key}{length}\r\n\r\nffff\r\n{{".encode())
    assert failure(answer) == (401, code)


def test_a_client_with_a_key_is_heard_out(guarded: Server) -> None:
    key = guarded.manage("create_api_key", "tests").split()[-1]
    body = json.dumps({"from_address": "me@example.org", "to_addresses": "ann@example.org"})
    head = f"{SEND}Authorization: Bearer {key}\r\n"
    for message in (
        f"Content-Length: {len(body)}\r\n\r\n{body}",
        f"Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n{body}\r\n0\r\n\r\n",
    ):
        assert ask(guarded, (head + message).encode()).split()[1] == b"200"


SLOW_PATHS = [
    ("/nowhere", 404),
    ("/api/nowhere/", 501),
    ("/static/nothing", 404),
    ("/health/live", 405),
    ("/", 403),  # a redirect
    ("/admin", 403),
]


@pytest.mark.parametrize(("path", "status"), SLOW_PATHS)
@pytest.mark.parametrize(
    "length", ["Content-Length: 500000000", "Content-Length: 5", "Transfer-Encoding: chunked"]
)
def test_a_path_without_a_body_is_answered_before_any_of_it(
    guarded: Server, path: str, status: int, length: str
) -> None:
    answer = ask(guarded, f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{length}\r\n\r\n".encode())
    assert int(answer.split()[1]) == status
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("path", ["/admin/", "/accounts/login/", "/admin/auth/user/add/", "/admin/nothing"])
def test_the_admin_reads_64_kb(server: Server, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    assert ask(server, f"{head}Content-Length: 65537\r\n\r\n".encode()).split()[1] == b"413"
    chunks = b"2000\r\n" + b"a" * 0x2000 + b"\r\n"
    answer = ask(server, f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + 9 * chunks)
    # The admin reads no body of unknown length of a client that is not logged in.
    assert answer.split()[1] == (b"413" if path.startswith("/accounts/") else b"403")
    assert b"connection: close" in answer.lower()
    whole = f"{head}Content-Length: 65536\r\n\r\n".encode() + b"a" * 65536
    assert ask(server, whole).split()[1] != b"413"


def test_health_is_answered_while_every_working_thread_is_busy(tmp_path: Path, ses: fakes.FakeVendor) -> None:
    ses.default = slow_answer(200, {"MessageId": "late"}, wait=10.0)
    variables = fakes.variables(ses, None) | {"API_KEY_REQUIRED": "false", "GOMAIL_PROVIDERS": "ses"}
    body = '{"to_addresses": "ann@example.org", "from_address": "me@example.org"}'
    with serving(tmp_path, **variables) as server, ExitStack() as stack:
        for _ in range(6):
            busy = stack.enter_context(server.connect())
            busy.sendall(f"{SEND}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        eventually(lambda: len(ses.received) == 4)
        for path in ("live", "ready"):
            answer = ask(server, f"GET /health/{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert answer.split()[1] == b"200"
        assert len(ses.received) == 4  # they still wait, and the others for them


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of a hundred connections, of which one address has fifty."""
    arguments = {"GUNICORN_CMD_ARGS": "--worker-connections 100", "API_KEY_REQUIRED": "false"}
    with serving(tmp_path_factory.mktemp("narrow"), **arguments) as server:
        yield server


@pytest.mark.parametrize("half", [b"", *HALF_REQUESTS])
def test_an_address_has_its_share_and_who_comes_last_gets_in(narrow: Server, half: bytes) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(narrow.connect()) for _ in range(130)]
        for connection in slow:
            with suppress(OSError):  # its place has been given to another one
                connection.sendall(half)
        for path in ("/health/live", f"{fakes.V1}emails/"):
            answer = ask(narrow, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert answer.split()[1] == b"200"
        # Each that has to go is told so by its own thread. None is cut for being slow before ten seconds are over.
        eventually(lambda: len(kept(slow)) <= 50, seconds=8.0)


def kept(connections: list[socket.socket]) -> list[socket.socket]:
    """Return those that the server has neither answered nor closed."""
    return [connection for connection in connections if not select.select([connection], [], [], 0)[0]]


def test_what_is_written_is_for_one_user_alone(server: Server) -> None:
    folder = Path(server.environment["GOMAIL_STORAGE_DIR"]).parent
    form = (
        '--b\r\nContent-Disposition: form-data; name="to_addresses"\r\n\r\nann@example.org\r\n'
        '--b\r\nContent-Disposition: form-data; name="from_address"\r\n\r\nme@example.org\r\n'
        '--b\r\nContent-Disposition: form-data; name="a"; filename="a.txt"\r\n\r\nhello\r\n--b--\r\n'
    )
    head = SEND.replace("application/json", "multipart/form-data; boundary=b")
    assert ask(server, f"{head}Content-Length: {len(form)}\r\n\r\n{form}".encode()).split()[1] == b"200"
    modes = {
        path.relative_to(folder): path.stat().st_mode & 0o777
        for path in folder.rglob("*")
        if path.name != "log"
    }
    assert {name.suffix for name in modes} >= {".sqlite3", ".sqlite3-wal", ".sqlite3-shm", ".journal"}
    wrong = {name: oct(mode) for name, mode in modes.items() if mode & 0o077}
    assert wrong == {}


@pytest.mark.slow
def test_the_log_has_neither_a_query_nor_a_line_of_the_clients(tmp_path: Path) -> None:
    arguments = "--access-logfile -"
    with serving(tmp_path, GUNICORN_CMD_ARGS=arguments, API_KEY_REQUIRED="false") as server:
        for path in (
            "/a%0AINFO%20forged",
            "/a%0D%0Aforged?q=ann@example.org",
            "/ann@example.org/",
            "/b?key=gm_live_a_secret",
        ):
            ask(
                server,
                f"GET {path} HTTP/1.1\r\nHost: localhost\r\nReferer: http://x/?ann@example.org\r\n\r\n".encode(),
            )
        ask(server, b"GET / HTTP/1.1\r\nHost: ann@example.org\r\n\r\n")
        log = server.log.read_text()
    assert "/a\\nINFO forged" in log
    assert not [line for line in log.splitlines() if line.startswith(("INFO forged", "forged"))]
    assert not [word for word in ("ann@", "q=", "gm_live_a_secret", "Referer") if word in log]
