"""A gunicorn worker with two kinds of threads: I/O threads that wait for clients, and WEB_THREADS worker threads.

gunicorn 27 uses one thread for a connection for as long as its client takes to send a request, and reads without a
time limit: 32 clients that send half a request block a server of 32 threads. Here each connection has an I/O thread
that reads the request with a deadline and writes the answer; only a complete request gets one of the few worker
threads, which hold database connections.
"""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from http import HTTPStatus
from typing import Any, TypeVar

from gunicorn import util
from gunicorn.http import errors
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import DEFAULT_WORKER_DATA_TIMEOUT, TConn, ThreadWorker

from api import error_codes
from api.early_answer import PLACE, Answer
from delivery import process
from gomail.server.threads import ThreadPool

HEAD_SECONDS = 10.0  # for the request line and the headers
SILENCE_SECONDS = 10.0  # between two pieces of a body
BODY_SECONDS = 120.0  # for a whole body: 12 MB at 0.8 Mbit/s
WRITE_SECONDS = 30.0  # for an answer
SYNC_SECONDS = 25.0  # then the client gets an early answer, if there is one
_POLL_SECONDS = 0.25

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
T = TypeVar("T")


class TooSlow(errors.ParseException):  # type: ignore[misc]
    """The request did not arrive in time."""


# The code for each class of errors; the first match decides. Any other error is our own fault.
_CODES: tuple[tuple[type[Exception], str], ...] = (
    (TooSlow, "request_timeout"),
    (errors.InvalidResponseHeader, "internal"),
    (errors.InvalidResponseHeaderName, "internal"),
    (errors.ConfigurationProblem, "internal"),
    (errors.LimitRequestLine, "uri_too_long"),
    (errors.LimitRequestHeaders, "headers_too_large"),
    (errors.ExpectationFailed, "expectation_failed"),
    (errors.UnsupportedTransferCoding, "unsupported_content_type"),
    (errors.ParseException, "malformed_request"),
)


class TimedUnreader(SocketUnreader):  # type: ignore[misc]
    """Reads from a socket with a deadline, and waits at most SILENCE_SECONDS for each piece."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.allow(HEAD_SECONDS)

    def allow(self, seconds: float) -> None:
        """Set the deadline to this many seconds from now."""
        self._deadline = time.monotonic() + seconds

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next piece; raise TooSlow if none comes in time."""
        left = min(self._deadline - time.monotonic(), SILENCE_SECONDS)
        if left <= 0:
            raise TooSlow
        self.sock.settimeout(left)
        try:
            data: bytes = super().chunk(size_hint)
        except TimeoutError as error:
            raise TooSlow from error
        return data


class Connection(TConn):  # type: ignore[misc]
    """A client's connection, read with deadlines."""

    closed = False

    def init(self) -> None:
        """Make the parser read with a deadline, a new one for each request of a keep-alive connection."""
        super().init()
        if not self.is_http2:
            if not isinstance(self.parser.unreader, TimedUnreader):
                self.parser.unreader = TimedUnreader(self.sock)
            self.parser.unreader.allow(HEAD_SECONDS)

    def close(self, graceful: bool = False) -> None:
        """Close once: the connection's thread may have done so before the main loop does."""
        if not self.closed:
            self.closed = True
            super().close(graceful)


class Worker(ThreadWorker):  # type: ignore[misc]
    """A worker process of the server."""

    wsgi: Any

    def init_process(self) -> None:
        """Make the pool of worker threads before the first connection needs it."""
        self._work = ThreadPool(self.cfg.threads)
        super().init_process()

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """Return the pool of I/O threads: one for every connection, started on demand."""
        return ThreadPoolExecutor(max_workers=self.cfg.worker_connections, thread_name_prefix="connection")

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection as gunicorn does, but as our Connection."""
        try:
            sock, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # another process accepted it, or the client has closed it
        self.nr_conns += 1
        self.enqueue_req(Connection(self.cfg, sock, address, listener.getsockname()))

    def run(self) -> None:
        """Serve; then finish the work whose clients got an early answer."""
        super().run()
        self._finish()

    def _finish(self) -> None:
        """Wait for the worker threads, notifying gunicorn meanwhile that this process is not hung."""
        ending = threading.Thread(target=self._work.shutdown, daemon=True)
        ending.start()
        until = time.monotonic() + self.cfg.graceful_timeout
        while ending.is_alive() and time.monotonic() < until:
            self.notify()
            ending.join(1.0)

    def load_wsgi(self) -> None:
        """Wrap the application: the request is received in this I/O thread, answered in a worker thread."""
        super().load_wsgi()
        application: Application = self.wsgi
        receive = getattr(application, "receive", _nothing)

        def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
            receive(environ, self.work)
            found = self._answer_in_time(application, environ)
            start_response(found.status, found.headers)
            environ["gunicorn.socket"].settimeout(WRITE_SECONDS)
            # gunicorn logs a warning for a body that it must not send
            return [] if environ["REQUEST_METHOD"] == "HEAD" else found.body

        self.wsgi = answer

    def work(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call the function in a worker thread, and return its result."""
        return self._work.submit(function, *arguments).result()

    def _answer_in_time(self, application: Application, environ: dict[str, Any]) -> Answer:
        """Return the application's answer, or after SYNC_SECONDS its early answer, if there is one."""
        early: list[Callable[[], Answer]] = environ.setdefault(PLACE, [])
        working = self._work.submit(_collect, application, environ)
        with contextlib.suppress(TimeoutError):  # one raised by the work itself is raised again below
            return working.result(SYNC_SECONDS)
        while not working.done():
            if early:
                return early[0]()
            wait([working], _POLL_SECONDS)  # the email is not durable yet
        return working.result()

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Shut down: attempts under way are finished, but no further provider is asked."""
        process.end()
        super().handle_exit(sig, frame)

    def handle(self, conn: Connection) -> Any:
        """Read and answer a request; close the connection in this thread: it waits up to two seconds for the client."""
        kept = super().handle(conn)
        if not kept:
            conn.close(graceful=True)
        return kept

    def handle_request(self, req: Any, conn: Connection) -> bool:
        """Answer a request whose head was read."""
        conn.parser.unreader.allow(BODY_SECONDS)
        try:
            kept: bool = super().handle_request(req, conn)
        except TimeoutError:
            self.log.info("A client did not take its answer in %s seconds", WRITE_SECONDS)
            return False
        return kept

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:
        conn.parser.unreader.allow(DEFAULT_WORKER_DATA_TIMEOUT)
        try:
            return bool(super()._keepalive_after(conn, keepalive))
        except TooSlow:
            return False

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """Answer a request that is not HTTP, or raised an exception, in the API's format."""
        name = next((name for kind, name in _CODES if isinstance(exc, kind)), "internal")
        code = error_codes.REQUEST[name]
        if code.status >= 500:
            self.log.error("Error handling a request", exc_info=exc)
        else:  # without its text, which may contain an email address
            self.log.info("Refused an invalid request: %s", type(exc).__name__)
        answer = {"success": False, "message": code.meaning, "code": name, "errors": []}
        with contextlib.suppress(OSError):
            util.write_nonblock(client, _message(code.status, json.dumps(answer).encode()))


def _message(status: int, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def _collect(application: Application, environ: dict[str, Any]) -> Answer:
    """Return the complete answer, so that the I/O thread that writes it needs no database."""
    head: list[Any] = []
    body = application(environ, lambda status, headers, *_: head.extend((status, headers)))
    try:
        return Answer(status=head[0], headers=head[1], body=list(body))
    finally:
        getattr(body, "close", _nothing)()


def _nothing(*_: Any) -> None:
    """Replace a missing method of an application or its answer."""
