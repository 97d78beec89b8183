"""Clients that come in, and wait: one that is given up is met no more, in whatever order things happen."""

import logging
import selectors
import socket
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack

import pytest
from gunicorn.config import Config

from gomail.server.connections import Connection, Connections
from gomail.server.doors import Doors

LOOPBACK = ("127.0.0.1", 0)


class Lobby:
    """The doors of a process, and one place for everybody on this machine."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._listener = stack.enter_context(socket.create_server(LOOPBACK))
        self._listener.setblocking(False)
        self.doors = Doors(1, 1, [self._listener], None, 30, Config(), logging.getLogger(__name__))
        stack.callback(self.doors.tmp.close)
        self.doors.poller = stack.enter_context(selectors.DefaultSelector())
        self.doors._connections = Connections(most=1000, share=1)
        self.doors.poller.register(self._listener, selectors.EVENT_READ, self.doors.accept)

    def come(self) -> socket.socket:
        """Connect as a client, whom nobody has let in yet."""
        return self._stack.enter_context(socket.create_connection(self._listener.getsockname()))

    def look(self) -> None:
        """Deal with what has happened since the last round."""
        self.doors.wait_for_and_dispatch_events(5.0)

    def keep(self) -> None:
        """Go on as if the one who waits had been answered, and may ask again."""
        conn: Connection = self.doors.pending_conns.pop()
        self.doors.poller.unregister(conn.sock)
        conn.init()
        answered: Future[bool] = Future()
        answered.set_result(True)
        self.doors.finish_request(conn, answered)


@pytest.fixture
def lobby() -> Iterator[Lobby]:
    with ExitStack() as stack:
        lobby = Lobby(stack)
        yield lobby
        for conn in (*lobby.doors.pending_conns, *lobby.doors.keepalived_conns):
            conn.close()


@pytest.mark.parametrize("kept", [False, True])
def test_who_speaks_in_the_moment_it_is_given_up_is_passed_over(lobby: Lobby, kept: bool) -> None:
    first = lobby.come()
    lobby.look()
    if kept:
        lobby.keep()
    second = lobby.come()  # an earlier event of the round than the next line's
    first.sendall(b"GET / ")

    lobby.look()

    assert [conn.client for conn in lobby.doors.pending_conns] == [second.getsockname()]
    assert (lobby.doors.nr_conns, list(lobby.doors.keepalived_conns)) == (1, [])


def test_who_was_let_in_and_is_not_given_up_is_heard(lobby: Lobby) -> None:
    client = lobby.come()
    lobby.look()
    client.sendall(b"GET / ")
    lobby.look()
    assert [conn.gathered for conn in lobby.doors.pending_conns] == [b"GET / "]
