"""The transport to vendors' HTTP APIs: connection pools, no retries or redirects, a deadline for every exchange.

It applies the rule behind all errors: a request that was not fully read by the transport is `Unavailable`, one that
was and got no answer is `Unknown`, whatever the exception.
"""

import http.client
import os
import re
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from types import MappingProxyType
from typing import Any, cast

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, LocationValueError, NewConnectionError

from providers import failpoints
from providers.errors import AccountProblem, Exhausted, ProviderError, Unavailable, Unknown
from providers.wire import compressed, hiding, shortage, trust, waiting
from providers.wire.body import Body
from providers.wire.deadlines import Reader, left
from providers.wire.network_errors import told

LONGEST_ANSWER = 64 * 1024
KEPT = 128  # connections to one vendor; with fewer than threads that call, many calls would open one of their own
_LONGEST_QUOTE = 500


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """The limits of an exchange, in seconds and in bytes."""

    connect: float = 5.0  # for connecting, and for writing each piece of the request
    read: float = 25.0  # without any byte; a slow provider may still accept the mail
    total: float = 28.0  # for the whole exchange
    longest: int = LONGEST_ANSWER  # bytes of an answer that are read; the rest is left


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP answer, from the provider or something in between."""

    status: int
    headers: Mapping[str, str]  # names are case-insensitive
    body: bytes  # not compressed, unless it is unread
    unread: str = ""  # why the body cannot be read

    @property
    def words(self) -> bytes | str:
        """The text to quote in an error."""
        return self.unread or self.body

    @property
    def retry_after(self) -> float | None:
        """The seconds to wait that it named, or None."""
        return waiting.seconds(self.headers.get("Retry-After", ""))


class Transport:
    """A connection pool, opened lazily in each process. Thread-safe."""

    def __init__(self, name: str, *, timeouts: Timeouts, connections: int, host: str = "") -> None:
        """Keep up to this many connections; the provider's name is for errors.

        `host`: the name that certificates must be for, where URLs have an address in its place.
        """
        self._name = name
        self._host = host
        self._timeouts = timeouts
        self._connections = connections
        self._lock = threading.Lock()
        self._owner = 0
        self._manager: urllib3.PoolManager | None = None

    def post(self, url: str, headers: Mapping[str, str], body: Body) -> Answer:
        """Return the answer to one POST; raise `Unavailable`, `Exhausted` or `Unknown` if there is none."""
        return self.ask("POST", url, headers, body)

    def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """Return the answer to one GET; raise `Unavailable` or `Unknown` if there is none."""
        return self.ask("GET", url, headers, Body())

    def ask(self, method: str, url: str, headers: Mapping[str, str], body: Body) -> Answer:
        """Return the answer to one request; raise `Unavailable` or `Unknown` if there is none."""
        body.seek(0)
        headers = {**headers, "Accept-Encoding": "identity"}
        body.deadline = time.monotonic() + self._timeouts.total
        try:
            return self._exchange(method, url, headers, body)
        except (HTTPError, ValueError) as error:
            # A ValueError is not chained: it may quote a header, and with it a key.
            raise _lost(self._name, error, body) from (error if isinstance(error, HTTPError) else None)
        except (OSError, MemoryError) as error:  # while the pool is made, above all
            if not shortage.explains(error):
                raise
            raise _lost(self._name, error, body) from error

    def close(self) -> None:
        """Close all connections; the next request opens new ones."""
        if self._manager:
            self._manager.clear()

    def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: Body) -> Answer:
        response = self._pool().urlopen(
            method, url, redirect=False, body=body, headers=headers, preload_content=False
        )
        content, longest = b"", self._timeouts.longest
        try:
            while piece := response.read(longest - len(content), decode_content=False):
                content += piece
            return _answer(response.status, response.headers, content, longest)
        finally:  # after a fully read answer the connection is already back in the pool
            response.close()
            response.release_conn()

    def _pool(self) -> urllib3.PoolManager:
        if self._manager is None or self._owner != os.getpid():
            with self._lock:
                if self._manager is None or self._owner != os.getpid():
                    self._manager, self._owner = self._new_pool(), os.getpid()
        return self._manager

    def _new_pool(self) -> urllib3.PoolManager:
        limits = urllib3.Timeout(connect=self._timeouts.connect, read=self._timeouts.read)
        named: dict[str, Any] = {}
        if self._host:
            named = {"server_hostname": self._host, "assert_hostname": self._host}
        pool = urllib3.PoolManager(
            maxsize=self._connections, timeout=limits, retries=False, ssl_context=trust.context(), **named
        )
        pool.pool_classes_by_scheme = {"http": _Pool, "https": _PoolTLS}
        return pool


class Endpoint:
    """One account's base URL at a vendor, with a connection pool and the headers of every request."""

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        timeouts: Timeouts,
        connections: int,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Configure the endpoint; no connection is opened yet."""
        self._base_url = base_url.rstrip("/")
        self._headers = {**headers, "User-Agent": "gomail"}
        self._transport = Transport(name, timeouts=timeouts, connections=connections)

    def post(self, path: str, content_type: str, body: Body) -> Answer:
        """Return the answer to one POST; raise `Unavailable` or `Unknown` if there is none."""
        return self.change("POST", path, content_type, body)

    def get(self, path: str) -> Answer:
        """Return the answer to one GET; raise `Unavailable` or `Unknown` if there is none."""
        return self._transport.get(self._base_url + path, self._headers)

    def change(self, method: str, path: str, content_type: str, body: Body) -> Answer:
        """Return the answer to one POST, PUT or PATCH; raise `Unavailable` or `Unknown` if there is none."""
        described = {"Content-Type": content_type, "Content-Length": str(body.size)}
        return self._transport.ask(method, self._base_url + path, self._headers | described, body)

    def close(self) -> None:
        """Close all connections; the next request opens new ones."""
        self._transport.close()


def foreign(name: str, answer: Answer, hide: Iterable[str] = ()) -> ProviderError:
    """Return the error for an answer that is not in the provider's own format."""
    detail = f"{name}: not the provider's own answer, {answer.status} {said(answer.words, hide)}".rstrip()
    lost = answer.status < 300 or answer.status >= 500 or answer.status == 408
    return (Unknown if lost else AccountProblem)(detail, code=str(answer.status))


def said(words: bytes | str, hide: Iterable[str] = ()) -> str:
    """Return a vendor's text for a person: one printable line, cut, without the secrets in `hide`."""
    line = words if isinstance(words, str) else words[:LONGEST_ANSWER].decode(errors="replace")
    line = hiding.without(line, hide)
    line = "".join(letter if letter.isprintable() else " " for letter in line)
    return re.sub(" +", " ", line).strip()[:_LONGEST_QUOTE]


def _answer(status: int, headers: Mapping[str, str], content: bytes, longest: int) -> Answer:
    try:
        plain = compressed.plain(content, headers.get("Content-Encoding", ""), longest=longest)
    except compressed.Unreadable as problem:
        return Answer(status=status, headers=headers, body=content, unread=f"an answer unread: {problem}")
    return Answer(status=status, headers=headers, body=plain)


def _lost(name: str, error: Exception, body: Body) -> ProviderError:
    sent = body.taken and body.size > 0  # a GET has no body, and whether it arrived does not matter
    text = said(str(error))
    never_sent = (
        isinstance(error, NewConnectionError | ConnectTimeoutError) or not body.taken or _stalled(error)
    )
    if (never_sent or not sent) and shortage.explains(error):
        return Exhausted(**told(f"{name}: this machine ran short", error, text))
    if isinstance(error, LocationValueError) or (not isinstance(error, HTTPError) and not sent):
        return AccountProblem(
            f"{name}: its address or key cannot be used in a request.", code="configuration"
        )
    if never_sent:
        return Unavailable(**told(f"{name}: the request was not sent", error, text))
    return Unknown(**told(f"{name}: the request was sent, but not answered", error, text))


def _stalled(error: Exception) -> bool:
    """Tell whether writing timed out: a timeout inside a ProtocolError; for reading it is a ReadTimeoutError."""
    return isinstance(error, urllib3.exceptions.ProtocolError) and isinstance(error.args[-1], TimeoutError)


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, deadline: float, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        silence = sock.gettimeout() or deadline
        self.fp = BufferedReader(Reader(self.fp.detach(), sock, silence=silence, deadline=deadline))


class _Connection(HTTPConnection):
    """A connection that ends every exchange at the deadline of its body."""

    _deadline = float("inf")

    def connect(self) -> None:
        super().connect()
        failpoints.reach("after-connect")

    def request(self, method: str, url: str, body: Any = None, *args: Any, **options: Any) -> None:
        self._deadline = body.deadline
        self.response_class = partial(_Response, deadline=body.deadline)  # type: ignore[assignment]
        super().request(method, url, body if body.size else None, *args, **options)
        failpoints.reach("after-request-bytes")

    def send(self, data: Any) -> None:
        if self.sock is not None:
            self.sock.settimeout(min(cast("float", self.timeout), left(self._deadline)))
        super().send(data)


class _ConnectionTLS(_Connection, HTTPSConnection):
    """The same connection over TLS."""


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _PoolTLS(urllib3.HTTPSConnectionPool):
    ConnectionCls = _ConnectionTLS
