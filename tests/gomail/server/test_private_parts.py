"""The private parts of gunicorn that the server stands on: one that has gone is named before anything breaks."""

import inspect
from importlib.metadata import version

import pytest
from gunicorn import util
from gunicorn.http import errors
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers import gthread
from gunicorn.workers.gthread import TConn, ThreadWorker

from gomail.server.worker import Connection, TimedUnreader, Worker

MAJOR = "27"  # as pinned in requirements/base.in
# The method, and the arguments that gunicorn gives it or we give it.
METHODS = {
    "ThreadWorker.init_process": (ThreadWorker.init_process, []),
    "ThreadWorker.get_thread_pool": (ThreadWorker.get_thread_pool, []),
    "ThreadWorker.accept": (ThreadWorker.accept, ["listener"]),
    "ThreadWorker.enqueue_req": (ThreadWorker.enqueue_req, ["conn"]),
    "ThreadWorker.run": (ThreadWorker.run, []),
    "ThreadWorker.load_wsgi": (ThreadWorker.load_wsgi, []),
    "ThreadWorker.handle": (ThreadWorker.handle, ["conn"]),
    "ThreadWorker.handle_request": (ThreadWorker.handle_request, ["req", "conn"]),
    "ThreadWorker._keepalive_after": (ThreadWorker._keepalive_after, ["conn", "keepalive"]),
    "ThreadWorker.handle_error": (ThreadWorker.handle_error, ["req", "client", "addr", "exc"]),
    "ThreadWorker.handle_exit": (ThreadWorker.handle_exit, ["sig", "frame"]),
    "ThreadWorker.notify": (ThreadWorker.notify, []),
    "TConn.init": (TConn.init, []),
    "TConn.close": (TConn.close, ["graceful"]),
    "SocketUnreader.chunk": (SocketUnreader.chunk, ["size_hint"]),
}
ERRORS = [
    "ParseException",
    "InvalidResponseHeader",
    "InvalidResponseHeaderName",
    "ConfigurationProblem",
    "LimitRequestLine",
    "LimitRequestHeaders",
    "ExpectationFailed",
    "UnsupportedTransferCoding",
]


def test_gunicorn_is_of_the_major_version_whose_internals_these_are() -> None:
    assert version("gunicorn").partition(".")[0] == MAJOR


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_there_with_its_arguments(name: str) -> None:
    method, arguments = METHODS[name]
    assert list(inspect.signature(method).parameters)[1:] == arguments


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_there(name: str) -> None:
    assert issubclass(getattr(errors, name), Exception)


def test_a_connection_has_a_parser_that_reads_through_an_unreader() -> None:
    source = inspect.getsource(TConn)
    assert all(f"self.{name}" in source for name in ("parser", "sock", "is_http2"))
    assert issubclass(Connection, TConn)
    assert issubclass(TimedUnreader, SocketUnreader)


def test_a_worker_counts_its_connections() -> None:
    assert "nr_conns" in inspect.getsource(ThreadWorker)
    assert issubclass(Worker, ThreadWorker)


def test_the_rest_is_there() -> None:
    assert gthread.DEFAULT_WORKER_DATA_TIMEOUT > 0
    assert list(inspect.signature(util.write_nonblock).parameters)[:2] == ["sock", "data"]
