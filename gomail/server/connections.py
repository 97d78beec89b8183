"""The connections of one process: how long each has kept us waiting, and which go when there is no room.

A client that sends half a request costs a connection until it is cut, and in the middle of a body a thread. No
address may have more than its share of those, and whoever comes last gets in: room is made by giving up those that
are furthest behind, an idle one, half a head, a byte now and then, before an upload that is on its way. A proxy that
we trust has no share: it speaks for many.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from heapq import nlargest
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

from gunicorn.workers.gthread import TConn

from gomail.server.framing import Parser
from gomail.server.reading import HEAD_SECONDS

_AT_ONCE = 16  # that many more are given up than need be: a flood would look through all of them each time
_PIECE = 8192  # bytes
_LONG = 16 * 1024  # what has not ended after that is for the parser to refuse


class Connection(TConn):  # type: ignore[misc]
    """A client's connection, read in bounded time."""

    parser: Any
    closed = False
    forget: Callable[["Connection"], None] = staticmethod(lambda _: None)

    def __init__(self, cfg: Any, sock: Any, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.rested: float | None = time.monotonic()  # since when no thread has had to do with it
        self.gathered = b""  # what has come of a head meanwhile

    @property
    def address(self) -> str:
        """The peer's address; empty at a Unix socket."""
        return str(self.client[0]) if isinstance(self.client, tuple) else ""

    def init(self) -> None:
        """Make the parser read with a deadline; each request of a kept connection has its own."""
        super().init()
        if not isinstance(self.parser, Parser):
            self.parser = Parser(self.cfg, self.sock, self.client)
        self.parser.unreader.allow(HEAD_SECONDS)
        self.parser.unreader.feed(self.gathered)
        self.gathered = b""

    def gather(self) -> bool:
        """Take what has come, without waiting; True: a thread can go on with it."""
        if self.cfg.is_ssl:
            return True
        try:
            piece = self.sock.recv(_PIECE)
        except BlockingIOError:
            return False
        except OSError:
            piece = b""
        self.gathered += piece
        self.data_ready = not piece or _is_whole(self.gathered)
        return self.data_ready

    def asks_for_health(self) -> bool:
        """Tell whether what has come begins as a question for the health of the process."""
        return self.gathered.startswith((b"GET /health/", b"HEAD /health/"))

    def seconds_behind(self) -> float | None:
        """Return how far the client is behind a brisk one; None while it waits for us."""
        if self.rested is not None:
            return time.monotonic() - self.rested
        found: float | None = self.parser.unreader.seconds_behind() if self.parser else None
        return found

    def drop(self) -> None:
        """Give it up; the thread that reads from it says so to the client."""
        with suppress(OSError):  # the client has gone
            if self.parser:
                self.parser.unreader.drop()

    def close(self, graceful: bool = False) -> None:
        """Close once: the thread of the connection has done so when the main loop comes to it."""
        if not self.closed:
            self.closed = True
            super().close(graceful)
            self.forget(self)


def _is_whole(head: bytes) -> bool:
    """Tell whether this is a head, or will never be one: of a line that ends otherwise the parser knows what to say."""
    return b"\r\n\r\n" in head or len(head) > _LONG or head.count(b"\n") != head.count(b"\r\n")


class Connections:
    """All that are open, by address; an IPv6 client has a whole network of 64 bits, which counts as one."""

    def __init__(self, *, most: int, share: int) -> None:
        """Allow so many in all, and so many of one address that wait for their clients."""
        self._most, self._share = most, share
        self._lock = threading.Lock()
        self._by_peer: dict[str, set[Connection]] = {}
        self._number = 0

    def add(self, connection: Connection) -> None:
        """Note a connection that has been opened."""
        connection.forget = self.remove
        with self._lock:
            self._by_peer.setdefault(_peer(connection.address), set()).add(connection)
            self._number += 1

    def remove(self, connection: Connection) -> None:
        """Forget a connection that is closed, or given up."""
        peer = _peer(connection.address)
        with self._lock:
            mine = self._by_peer.get(peer, set())
            if connection in mine:
                mine.remove(connection)
                self._number -= 1
            if not mine:
                self._by_peer.pop(peer, None)

    def over_share(self, address: str) -> list[Connection]:
        """Return what must go so that the address has its share, the furthest behind first."""
        with self._lock:
            mine = list(self._by_peer.get(_peer(address), ()))
        if len(mine) <= self._share:
            return []
        waiting = _waiting(mine)
        too_many = len(waiting) - self._share
        return _furthest_behind(waiting, too_many + _AT_ONCE) if too_many > 0 else []

    def over_all(self) -> list[Connection]:
        """Return what must go so that there is room for another connection."""
        return self.furthest_behind() if self._number >= self._most else []

    def furthest_behind(self, *, by: float = float("-inf")) -> list[Connection]:
        """Return some that wait for their clients and are behind by so many seconds, the furthest behind first."""
        with self._lock:
            everybody = [one for mine in self._by_peer.values() for one in mine]
        late = [one for one in _waiting(everybody) if one[0] >= by]
        return _furthest_behind(late, _AT_ONCE)


_Waiting = list[tuple[float, int, Connection]]


def _waiting(connections: list[Connection]) -> _Waiting:
    """Return those that wait for their clients, with how far each is behind; the second number breaks ties."""
    behind = ((one.seconds_behind(), one) for one in connections)
    return [(seconds, id(one), one) for seconds, one in behind if seconds is not None]


def _furthest_behind(waiting: _Waiting, number: int) -> list[Connection]:
    return [one for _, _, one in nlargest(number, waiting)]


@lru_cache(maxsize=4096)
def _peer(address: str) -> str:
    try:
        known = ip_address(address.partition("%")[0])
    except ValueError:  # a Unix socket
        return address
    if isinstance(known, IPv4Address):
        return address
    return str(known.ipv4_mapped or ip_network((known, 64), strict=False))
