"""Clients that come in, and wait: no thread has to do with them until the head of a request is there.

gunicorn's main loop watches all connections; here it also collects what comes, up to the end of a head. A thousand
clients that send a byte now and then are a thousand sockets, and no work.
"""

import contextlib
import errno
import socket
import time
from functools import partial
from itertools import islice, takewhile
from selectors import EVENT_READ
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from gomail import proxies
from gomail.server import refusals
from gomail.server.connections import Connection, Connections
from gomail.server.reading import HEAD_SECONDS, TooSlow
from gomail.server.reserve import BREATH_SECONDS, Reserve
from gomail.server.turns import turns

_NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}  # for another connection
_ACCEPTED_AT_ONCE = 16
_CUT_AT_ONCE = 64
_SAID_EVERY_SECONDS = 60.0
_PATIENCE_SECONDS = 1.0  # who is further behind makes room for another client


class Doors(ThreadWorker):  # type: ignore[misc]
    """The part of a worker that has to do with connections; all but init_process is called by the main loop."""

    def init_process(self) -> None:
        """Begin without any connection."""
        most = self.cfg.worker_connections
        self._connections = Connections(most=most - most // 16, share=most // 2)
        self._reserve, self._said_at = Reserve(), float("-inf")
        super().init_process()

    def accept(self, listener: socket.socket) -> None:
        """Take some new connections."""
        for _ in range(_ACCEPTED_AT_ONCE):
            if self.nr_conns >= self.worker_connections or not self._accept_one(listener):
                return

    def _accept_one(self, listener: socket.socket) -> bool:
        try:
            sock, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return False  # there is none, another process was faster, or the client has gone
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            self._make_room(listener)
            return False
        self.nr_conns += 1
        self._welcome(Connection(self.cfg, sock, address, listener.getsockname()))
        return True

    def _make_room(self, listener: socket.socket) -> None:
        """Without a file for another client: give up those that keep us waiting; without such, turn it away."""
        late = self._connections.furthest_behind(by=_PATIENCE_SECONDS)
        if time.monotonic() - self._said_at > _SAID_EVERY_SECONDS:
            self._said_at = time.monotonic()
            self.log.warning("No file is left for another client. Raise the limit of open files (ulimit -n).")
        if not late:
            self._reserve.turn_away(listener, b"" if self.cfg.is_ssl else refusals.whole("unavailable"))
            return
        self._give_up(late)
        time.sleep(BREATH_SECONDS)  # the loop comes here again at once

    def _welcome(self, conn: Connection) -> None:
        """Make room for a connection, and see whether it has brought a request."""
        self._connections.add(conn)
        if not proxies.are_trusted(conn.address):
            self._give_up(self._connections.over_share(conn.address))
        self._give_up(self._connections.over_all())
        if conn.gather():
            self.enqueue_req(conn)
        else:
            self._wait_for(conn)
            self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def on_pending_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """Collect another piece of a head."""
        if conn.closed:  # an earlier event of the same round has given it up
            return
        begun = bool(conn.gathered)
        if conn.gather():
            self.poller.unregister(client)
            self.pending_conns.remove(conn)
            self.enqueue_req(conn)
        elif not begun:
            self.pending_conns.remove(conn)
            self._wait_for(conn)

    def on_client_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """Collect the first piece of the next request on a kept connection."""
        if conn.closed:  # an earlier event of the same round has given it up
            return
        self.keepalived_conns.remove(conn)
        if conn.gather():
            self.poller.unregister(client)
            self.enqueue_req(conn)
        else:
            self._wait_for(conn)
            self.poller.modify(client, EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def _wait_for(self, conn: Connection) -> None:
        """Give a client its time for a head; gunicorn cuts those who are over it, the first come first."""
        conn.timeout = time.monotonic() + HEAD_SECONDS
        self.pending_conns.append(conn)

    def murder_pending(self) -> None:
        """Cut those who have not sent a head in time, and say so to those who have begun one."""
        now = time.monotonic()
        late = list(takewhile(lambda conn: conn.timeout <= now, islice(self.pending_conns, _CUT_AT_ONCE)))
        self._give_up(late)
        if len(late) == _CUT_AT_ONCE:
            self.method_queue.defer(_nothing)  # for the loop to come here again, after what is more urgent

    def _give_up(self, connections: list[Connection]) -> None:
        for conn in connections:
            self._connections.remove(conn)
            if not self._is_parked(conn):
                conn.drop()
                continue
            self.nr_conns -= 1
            if conn.gathered:
                self.handle_error(None, conn.sock, conn.client, TooSlow())
            conn.close()

    def _is_parked(self, conn: Connection) -> bool:
        """Tell whether the main loop itself has waited for this client; it does so no more."""
        try:
            self.poller.unregister(conn.sock)
        except (KeyError, ValueError):  # a thread has to do with it
            return False
        for parked in (self.keepalived_conns, self.pending_conns):
            with contextlib.suppress(ValueError):
                parked.remove(conn)
        return True

    def handle(self, conn: Connection) -> Any:
        """Read and answer a request; close here what is done, for that waits up to two seconds for the client."""
        conn.rested = None
        if not conn.asks_for_health():
            turns.take()
        try:
            kept = super().handle(conn)
        finally:
            turns.give_back()
        if not kept:
            conn.close(graceful=True)
        conn.rested = time.monotonic()
        return kept


def _nothing() -> None:
    """Do nothing."""
