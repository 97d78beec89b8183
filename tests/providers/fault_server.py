"""A loopback HTTP server that misbehaves as told, and remembers every request it has received whole.

    with FaultServer() as server:
        server.default = answer(202)              # for every request without a script
        server.script(hang(), answer(503))        # the first request, the second request
        server.paths["/v3/scopes"] = answer(401)  # every request for this path, whatever its query
        client.post(server.url, ...)
        server.received                           # list of Request: method, path, headers, body
        server.connections                        # how many were opened

Each fault says how much of the request is read (`NOTHING`, `HEAD`, `HALF`, `ALL`) and what happens then. Only
requests read whole are in `received`: a client may call those unknown, and must not call them unsent.
"""

import contextlib
import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

NOTHING, HEAD, HALF, ALL = "nothing", "head", "half", "all"
TLS = b"\x16"  # how a handshake begins; it holds the end of a line only by chance


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request that was received to its last byte."""

    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes = field(repr=False)

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """How much is read of a request, what is written, and how it ends."""

    read: str = ALL
    data: bytes = b""
    end: str = "keep"  # keep the connection, or close, reset, hang
    pause: float = 0.0  # seconds before each byte of data: a dripping server
    wait: float = 0.0  # seconds before any data: a slow provider


def answer(status: int, body: Any = b"", headers: Mapping[str, str] = {}, *, wait: float = 0.0) -> Fault:
    """Answer with this status; a body that is not bytes or str is sent as JSON."""
    return Fault(data=_response(status, body, headers), wait=wait)


def html(status: int, text: str = "<html><body><h1>Proxy says no</h1></body></html>") -> Fault:
    """Answer like a proxy in between."""
    return answer(status, text, {"Content-Type": "text/html"})


def redirect(location: str, status: int = 302) -> Fault:
    """Send the client elsewhere."""
    return answer(status, b"", {"Location": location})


def truncated(status: int, body: Any = b'{"MessageId": "cut') -> Fault:
    """Announce more than is sent, then close."""
    data = _response(status, body, {"Content-Length": "1000"})
    return Fault(data=data, end="close")


def garbage(data: bytes = b"\x16\x03\x01\x02 no HTTP at all\r\n\r\n") -> Fault:
    """Answer something that is not HTTP, then close."""
    return Fault(data=data, end="close")


def drip(data: bytes = b"HTTP/1.1 202 Accepted\r\nX-Drip: " + b"x" * 2000, pause: float = 0.05) -> Fault:
    """Answer byte by byte and never come to an end."""
    return Fault(data=data, pause=pause, end="hang")


def hang(read: str = ALL) -> Fault:
    """Read so much, then say nothing."""
    return Fault(read=read, end="hang")


def reset(read: str = ALL) -> Fault:
    """Read so much, then reset the connection."""
    return Fault(read=read, end="reset")


def close(read: str = ALL) -> Fault:
    """Read so much, then close the connection."""
    return Fault(read=read, end="close")


def closed_port() -> int:
    """Return a port where nobody listens: a refused connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class FaultServer:
    """Listens on a free port of 127.0.0.1 from `with` on; each connection has its thread."""

    def __init__(self, default: Fault | None = None) -> None:
        self.default = default or answer(200, {})
        self.received: list[Request] = []
        self.connections = 0
        self.paths: dict[str, Fault] = {}  # before any script
        self._faults: deque[Fault] = deque()
        self._stop = threading.Event()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def script(self, *faults: Fault) -> None:
        """Meet the next requests with these, one each."""
        self._faults.extend(faults)

    def __enter__(self) -> "FaultServer":
        self._listener = socket.socket()
        # A small window, so that a large body cannot disappear in buffers before it is read.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self.port = int(self._listener.getsockname()[1])
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for connection in list(self._sockets):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _start(self, target: Any, *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:  # it is closed; or a test has left us no file for a moment
                self._stop.wait(0.01)
                continue
            self.connections += 1
            self._sockets.add(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), connection, connection.makefile("rb") as stream:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while self._exchange(connection, stream):
                pass
        self._sockets.discard(connection)

    def _exchange(self, connection: socket.socket, stream: Any) -> bool:
        start = stream.peek(1)
        if not start:
            return False
        fault = self._fault(start)
        request = _read(stream, fault.read)
        if request is not None:
            self.received.append(request)
        for piece in _pieces(fault):
            if self._stop.wait(fault.wait or fault.pause) or self._stop.is_set():
                return False
            connection.sendall(piece)
        return self._end(fault, connection)

    def _fault(self, start: bytes) -> Fault:
        """The first line comes in one piece, so a path is known before anything is read."""
        target = start.partition(b"\r\n")[0].decode("latin-1").split(" ")[1:2]
        for path in target:
            if fault := self.paths.get(path.partition("?")[0]):
                return fault
        return self._faults.popleft() if self._faults else self.default

    def _end(self, fault: Fault, connection: socket.socket) -> bool:
        if fault.end == "hang":
            self._stop.wait(120)
        if fault.end == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return fault.end == "keep"


def _pieces(fault: Fault) -> Iterator[bytes]:
    if not fault.pause:
        return iter([fault.data] if fault.data else [])
    return (fault.data[i : i + 1] for i in range(len(fault.data)))


def _read(stream: Any, amount: str) -> Request | None:
    """Read so much of a request; return it if that is all of it."""
    if amount == NOTHING or stream.peek(1)[:1] == TLS:
        return None
    method, path, _ = stream.readline().decode("latin-1").split(" ", 2)
    headers = {}
    while line := stream.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    length = int(headers.get("content-length", 0))
    if amount != ALL:
        stream.read(length // 2 if amount == HALF else 0)
        return None
    body = stream.read(length)
    if len(body) < length:
        raise ValueError("the client went away")
    return Request(method=method, path=path, headers=headers, body=body)


def _response(status: int, body: Any, headers: Mapping[str, str]) -> bytes:
    if isinstance(body, str):
        body = body.encode()
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
