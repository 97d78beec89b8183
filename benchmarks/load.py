"""Clients: requests made beforehand, sent over kept connections, so that the CPU is left to the server."""

import itertools
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence

from benchmarks.servers import Server

_SEND, _BATCHES = "/api/v1/email-service/send-email/", "/api/v1/email-service/batches/"
_LATER = "Prefer: respond-async\r\n"
_FILE = os.urandom(7_000_000)
_numbers = itertools.count()
_TAKEN = {200, 202}

Request = tuple[bytes, ...]  # pieces, so that 7 MB need not be copied for each


def small(server: Server) -> Request:
    """Return a request with 1 KB of JSON, to a recipient of its own."""
    return _request(server, "application/json", (_letter(),))


def later(server: Server) -> Request:
    """Return the same for a client that does not wait; the peer knows no such thing."""
    return _request(server, "application/json", (_letter(),), headers=_LATER)


def batch(server: Server) -> Request:
    """Return a request with 1,000 emails of 1 KB, to a recipient each."""
    letters = b",".join(_letter() for _ in range(1000))
    return _request(server, "application/json", (b'{"emails": [%b]}' % letters,), path=_BATCHES)


def large(server: Server) -> Request:
    """Return a multipart request with a file of 7 MB, never the same one twice."""
    number = next(_numbers)
    edge = "----bench-boundary-5c1a"
    fields = {
        "from_address": "bench@example.org",
        "to_addresses": f"person{number}@example.org",
        "subject": "The documents",
        "body": "Here they are.",
    }
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    file = (
        f'--{edge}\r\nContent-Disposition: form-data; name="attachments"; filename="documents.pdf"\r\n'
        "Content-Type: application/pdf\r\n\r\n"
    )
    head = "".join(parts) + file + f"%PDF-1.7 {number:012}\n"
    pieces = (head.encode(), _FILE, f"\r\n--{edge}--\r\n".encode())
    return _request(server, f"multipart/form-data; boundary={edge}", pieces)


def _letter() -> bytes:
    number = next(_numbers)
    fields = {
        "from_address": "bench@example.org",
        "to_addresses": [f"person{number}@example.org"],
        "subject": f"Your order {number} is on its way",
    }
    room = 1024 - len(json.dumps(fields | {"body": ""}))
    text = "Hello, this is a line of an ordinary letter to somebody.\n" * 20
    return json.dumps(fields | {"body": text[: room - 17]}).encode()


def _request(
    server: Server, content_type: str, body: Sequence[bytes], *, path: str = _SEND, headers: str = ""
) -> Request:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {sum(map(len, body))}\r\nAuthorization: Bearer {server.token}\r\n{headers}\r\n"
    )
    return (head.encode() + body[0], *body[1:])


class Client:
    """One kept connection."""

    def __init__(self, server: Server) -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        self._socket.close()

    def send(self, request: Request) -> int:
        """Return the status of the answer."""
        for piece in request:
            self._socket.sendall(piece)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._more()
        head, _, body = answer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        while len(body) < length:
            body += self._more()
        return int(head[9:12])

    def _more(self) -> bytes:
        received = self._socket.recv(65536)
        if not received:
            raise ConnectionError("the server closed the connection")
        return received


def one_by_one(
    server: Server, make: Callable[[Server], Request], number: int, *, every: float = 0.0
) -> list[float]:
    """Send so many requests in a row, one `every` so many seconds; return how long each took, in seconds."""
    client = Client(server)
    times = []
    for request in [make(server) for _ in range(number)]:
        started = time.perf_counter()
        status = client.send(request)
        times.append(time.perf_counter() - started)
        time.sleep(max(0.0, every - times[-1]))
        if status not in _TAKEN:
            raise SystemExit(f"{server.name} answered {status}; {server.log.read_text()[-2000:]}")
    client.close()
    return times


def together(
    server: Server, make: Callable[[Server], Request], clients: int, number: int
) -> tuple[float, int]:
    """Send so many requests from so many clients at once; return requests/s and the number of failures."""
    crowd = _Crowd(server, [make(server) for _ in range(number)])
    threads = [threading.Thread(target=crowd.work) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return number / (time.perf_counter() - started), crowd.failures


class _Crowd:
    """Clients that share one heap of requests."""

    def __init__(self, server: Server, requests: list[Request]) -> None:
        self.failures = 0
        self._server = server
        self._requests = requests
        self._lock = threading.Lock()

    def work(self) -> None:
        client = Client(self._server)
        while request := self._next():
            try:
                failed = client.send(request) != 200
            except OSError:
                failed = True
                client.close()
                client = Client(self._server)
            with self._lock:
                self.failures += failed
        client.close()

    def _next(self) -> Request | None:
        with self._lock:
            return self._requests.pop() if self._requests else None
