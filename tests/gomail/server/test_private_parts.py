"""The private parts of gunicorn that the server stands on: one that has gone is named before anything breaks."""

import ast
import inspect
import textwrap
from functools import cache
from importlib.metadata import version
from typing import Any

import pytest
from gunicorn import config, util
from gunicorn.glogging import Logger
from gunicorn.http import errors, wsgi
from gunicorn.http.body import Body, ChunkedReader, LengthReader
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers import gthread
from gunicorn.workers.gthread import PollableMethodQueue, TConn, ThreadWorker

from gomail.server import framing
from gomail.server.connections import Connection
from gomail.server.doors import Doors
from gomail.server.log import Log
from gomail.server.reading import TimedUnreader
from gomail.server.worker import Worker
from tests.paths import ROOT

MAJOR = "27"  # as pinned in requirements/base.in
# The methods that we call or replace, and the arguments that gunicorn gives them or we do.
METHODS: dict[type, dict[str, list[str]]] = {
    ThreadWorker: {
        "__init__": ["args", "kwargs"],
        "init_process": [],
        "get_thread_pool": [],
        "run": [],
        "notify": [],
        "load_wsgi": [],
        "accept": ["listener"],
        "enqueue_req": ["conn"],
        "finish_request": ["conn", "fs"],
        "on_client_socket_readable": ["conn", "client"],
        "on_pending_socket_readable": ["conn", "client"],
        "murder_keepalived": ["force"],
        "murder_pending": [],
        "handle": ["conn"],
        "handle_request": ["req", "conn"],
        "_keepalive_after": ["conn", "keepalive"],
        "handle_error": ["req", "client", "addr", "exc"],
        "handle_exit": ["sig", "frame"],
    },
    PollableMethodQueue: {"defer": ["callback", "args"]},
    TConn: {"__init__": ["cfg", "sock", "client", "server"], "init": [], "close": ["graceful"]},
    Request: {
        "__init__": ["cfg", "unreader", "peer_addr", "req_number"],
        "set_body_reader": [],
        "should_close": [],
    },
    RequestParser: {"__init__": ["cfg", "source", "source_addr"]},
    SocketUnreader: {"__init__": ["sock", "max_chunk"], "chunk": ["size_hint"], "read": ["size", "read_ahead"]},
    Logger: {
        "setup": ["cfg"],
        "atoms": ["resp", "req", "environ", "request_time"],
        "error": ["msg", "args", "kwargs"],
        "info": ["msg", "args", "kwargs"],
    },
}  # fmt: skip
# What objects have beside: read by us, and some of it written.
ATTRIBUTES: dict[type, set[str]] = {
    ThreadWorker: {
        "cfg", "keepalived_conns", "log", "method_queue", "nr_conns", "pending_conns", "poller",
        "worker_connections", "wsgi",
    },
    TConn: {"cfg", "client", "data_ready", "initialized", "parser", "sock", "timeout"},
    Request: {"_expected_100_continue", "body", "headers", "unreader", "version"},
    RequestParser: {"mesg_class", "unreader"},
    SocketUnreader: {"buf", "sock"},
    Body: {"reader"},
    ChunkedReader: {"parser"},
    LengthReader: {"length"},
    Logger: {"access_log", "datefmt", "error_log"},
}  # fmt: skip
SETTINGS = ["graceful_timeout", "is_ssl", "threads", "worker_connections"]  # of gunicorn, that we read
OURS = {
    Doors: ThreadWorker, Worker: ThreadWorker, Connection: TConn, framing.Request: Request,
    framing.Parser: RequestParser, TimedUnreader: SocketUnreader, Log: Logger,
}  # fmt: skip
ERRORS = [
    "ParseException",
    "InvalidHeader",
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


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in METHODS.items() for name in names]
)
def test_a_method_is_there_with_its_arguments(kind: type, name: str) -> None:
    method = getattr(kind, name)
    assert list(inspect.signature(method).parameters)[1:] == METHODS[kind][name]


@pytest.mark.parametrize("kind", ATTRIBUTES)
def test_an_attribute_is_there(kind: type) -> None:
    assert ATTRIBUTES[kind] - members(kind) == set()


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_there(name: str) -> None:
    assert issubclass(getattr(errors, name), Exception)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_there(name: str) -> None:
    assert hasattr(config.Config(), name)


@pytest.mark.parametrize("ours", OURS)
def test_what_we_use_of_a_class_is_named_here(ours: type) -> None:
    theirs = OURS[ours]
    assert issubclass(ours, theirs)
    named = set(METHODS[theirs]) | ATTRIBUTES[theirs]
    assert used_by(ours) & members(theirs) - named == set()


def test_the_rest_is_there() -> None:
    assert gthread.DEFAULT_WORKER_DATA_TIMEOUT > 0
    assert list(inspect.signature(util.write_nonblock).parameters)[:2] == ["sock", "data"]
    assert '"gunicorn.socket": sock' in inspect.getsource(wsgi.default_environ)


def test_every_class_of_gunicorn_that_is_imported_is_named_here() -> None:
    imported = {
        alias.name
        for path in (ROOT / "gomail" / "server").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gunicorn")
        for alias in node.names
    }
    named = {kind.__name__ for kind in (*METHODS, *ATTRIBUTES)}
    assert imported - named == {"util", "errors", "DEFAULT_WORKER_DATA_TIMEOUT"}


@cache
def tree(kind: type) -> Any:
    return ast.parse(textwrap.dedent(inspect.getsource(kind)))


def members(kind: type) -> set[str]:
    """Return what a class and its bases define, and what their methods give an object."""
    return {name for base in kind.__mro__[:-1] for name in (*vars(base), *given(base))}


def given(kind: type) -> set[str]:
    return {node.attr for node in of_self(kind) if isinstance(node.ctx, ast.Store)}


def used_by(kind: type) -> set[str]:
    """Return what a class of ours uses of itself, and what it defines."""
    defined = {node.name for node in tree(kind).body[0].body if isinstance(node, ast.FunctionDef)}
    return defined | {node.attr for node in of_self(kind)}


def of_self(kind: type) -> list[ast.Attribute]:
    """Return where something of `self` is used, or of `super()`."""
    found = [node for node in ast.walk(tree(kind)) if isinstance(node, ast.Attribute)]
    return [node for node in found if ast.unparse(node.value) in ("self", "super()")]
