"""A gunicorn worker with two kinds of threads: I/O threads that wait for clients, and WEB_THREADS worker threads.

gunicorn 27 uses one thread for a connection for as long as its client takes to send a request, and reads without a
time limit: 32 clients that send half a request block a server of 32 threads. Here each connection has an I/O thread
that reads the request with a deadline and writes the answer; only a complete request gets one of the few worker
threads, which hold database connections. Only a complete head gets an I/O thread (doors.py), health has threads of its
own (health.py), pages may use a quarter of the worker threads, and no team all of them: what is over its share waits,
and a send that has waited for a second is taken for the delivery worker instead.

The private parts of gunicorn 27 that this folder stands on are named in tests/gomail/server/test_private_parts.py.
"""

import contextlib
import random
import socket
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from gunicorn import util
from gunicorn.http import errors
from gunicorn.workers.gthread import DEFAULT_WORKER_DATA_TIMEOUT

from api import no_room
from api.early_answer import NOT_NOW, PLACE, Answer
from delivery import process
from gomail import request_id
from gomail.server import refusals, spooling
from gomail.server.connections import Connection
from gomail.server.doors import Doors
from gomail.server.health import Health
from gomail.server.reading import BODY_SECONDS, SLOWEST_BYTES_PER_SECOND, TimedUnreader, TooSlow
from gomail.server.threads import ThreadPool
from gomail.server.turns import turns

__all__ = ["Connection", "TimedUnreader", "TooSlow", "Worker"]
WRITE_SECONDS = 30.0  # for an answer
SYNC_SECONDS = 25.0  # then the client gets an early answer, if there is one
SHARE_SECONDS = 1.0  # then a send that is over its team's share is handed over by the delivery worker instead
REFUSED_SECONDS = 1.0  # on average before a page answers 429: a client that asks again at once has to wait
_POLL_SECONDS = 0.25
_LOOK_SECONDS = 0.05  # whether a job has begun

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Whose = Callable[[dict[str, Any], Callable[..., Any]], int | None]  # the team of a request
T = TypeVar("T")


# The code for each class of errors; the first match decides. Any other error is our own fault.
_CODES: tuple[tuple[type[Exception], str], ...] = (
    (TooSlow, "request_timeout"),
    (errors.InvalidResponseHeader, "internal"),
    (errors.InvalidResponseHeaderName, "internal"),
    (errors.ConfigurationProblem, "internal"),
    (errors.LimitRequestLine, "uri_too_long"),
    (errors.LimitRequestHeaders, "headers_too_large"),
    (errors.ExpectationFailed, "expectation_failed"),
    (errors.UnsupportedTransferCoding, "unsupported_transfer_coding"),
    (errors.ParseException, "malformed_request"),
    (MemoryError, "unavailable"),
)


def _nothing(*_: Any) -> None:
    """Replace a missing method of an application or its answer."""


class Worker(Doors):
    """A worker process of the server."""

    wsgi: Any

    def init_process(self) -> None:
        """Make the pools of threads before the first connection needs them."""
        self._work = ThreadPool(self.cfg.threads)
        self._health = Health()
        super().init_process()

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """Return the pool of I/O threads: one for every connection, started on demand."""
        return ThreadPoolExecutor(max_workers=self.cfg.worker_connections, thread_name_prefix="connection")

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
        whose, note = (getattr(application, name, _nothing) for name in ("whose", "note"))

        def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            name, begun = request_id.of(environ), time.monotonic()
            environ[request_id.IN_ENVIRON] = name
            try:
                receive(environ, self.work)
                turns.give_back()
                found = self._answered(application, environ, whose)
            except OSError as error:  # gunicorn would take it for the client's, and close without a word
                if not no_room.explains(error):
                    raise
                self.log.warning("No room for a request: %s", error)
                found = refusals.answer("unavailable")
            note(environ, name, found.status, time.monotonic() - begun)
            if found.status.startswith("429") and not _is_of_the_api(environ):
                # In an I/O thread, which has nothing else to do; a hundred do not come back in the same moment.
                time.sleep(REFUSED_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311
            start_response(found.status, _named(found.headers, name))
            environ["gunicorn.socket"].settimeout(WRITE_SECONDS)
            # gunicorn logs a warning for a body that it must not send
            return [] if environ["REQUEST_METHOD"] == "HEAD" else found.body

        self.wsgi = answer

    def _answered(self, application: Application, environ: dict[str, Any], whose: Whose) -> Answer:
        found = self._health.answer(environ, lambda: _collect(application, environ))
        return found or self._answer_in_time(application, environ, whose)

    def work(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call the function in a worker thread, and return its result."""
        with turns.given_back():
            return self._work.submit(function, *arguments).result()

    def _answer_in_time(
        self, application: Application, environ: dict[str, Any], whose: Whose = _nothing
    ) -> Answer:
        """Return the application's answer, or after SYNC_SECONDS its early answer, if there is one."""
        early: list[Callable[[], Answer]] = environ.setdefault(PLACE, [])
        if _is_of_the_api(environ):
            working = self._shared(application, environ, whose(environ, self.work))
        else:
            working = self._work.submit_to_few(_collect, application, environ)
        with contextlib.suppress(TimeoutError):  # one raised by the work itself is raised again below
            return working.result(SYNC_SECONDS)
        while not working.done():
            if early:
                return early[0]()
            wait([working], _POLL_SECONDS)  # the email is not durable yet
        return working.result()

    def _shared(
        self, application: Application, environ: dict[str, Any], team: int | None
    ) -> "Future[Answer]":
        """Have it answered in a thread of its team's share; a send that gets none is taken for a delivery worker."""
        working = self._work.submit(_collect, application, environ, team=team)
        if environ["REQUEST_METHOD"] == "POST" and self._work.holds_back(team) and not _begins(working):
            environ[NOT_NOW] = True
            self._work.hurry(working, team)
        return working

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Shut down: attempts under way are finished, but no further provider is asked."""
        process.end()
        super().handle_exit(sig, frame)

    def handle_request(self, req: Any, conn: Connection) -> bool:
        """Answer a request whose head was read."""
        conn.parser.unreader.allow(BODY_SECONDS, pace=SLOWEST_BYTES_PER_SECOND)
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
        if name == "internal":  # a client's invented coding is answered 501, and is no fault of ours
            self.log.error("Error handling a request", exc_info=exc)
        elif not isinstance(exc, TooSlow):  # there may be thousands of those
            # Without its text, which may contain an email address.
            self.log.info("Refused an invalid request: %s", type(exc).__name__)
        with contextlib.suppress(OSError):
            util.write_nonblock(client, refusals.whole(name, _request_id(req)))


def _named(headers: list[tuple[str, str]], name: str) -> list[tuple[str, str]]:
    """Return the headers with this request's name: what is kept of an answer was another's."""
    others = [field for field in headers if field[0] != request_id.HEADER]
    return [*others, (request_id.HEADER, name)]


def _request_id(req: Any) -> str:
    """Return what the client called a request that was not understood, perhaps not even its head."""
    said = [value for name, value in getattr(req, "headers", ()) if name == request_id.HEADER.upper()]
    return said[0] if len(said) == 1 else ""


def _is_of_the_api(environ: dict[str, Any]) -> bool:
    path: str = environ.get("PATH_INFO", "")
    return path.startswith("/api") or path == "/email"


def _begins(working: "Future[Answer]") -> bool:
    """Tell whether a job has a thread before SHARE_SECONDS are over."""
    until = time.monotonic() + SHARE_SECONDS
    while not (working.running() or working.done()):
        if time.monotonic() > until:
            return False
        wait([working], _LOOK_SECONDS)
    return True


def _collect(application: Application, environ: dict[str, Any]) -> Answer:
    """Return the complete answer, so that the I/O thread that writes it needs no database."""
    head: list[Any] = []
    pieces = application(environ, lambda status, headers, *_: head.extend((status, headers)))
    try:
        return Answer(status=head[0], headers=head[1], body=spooling.complete(pieces))
    finally:
        getattr(pieces, "close", _nothing)()
