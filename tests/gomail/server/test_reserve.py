"""A client for which there is no file is told so, through the one that was kept for that."""

import errno
import socket
from collections.abc import Iterator

import pytest

from gomail.server import refusals
from gomail.server.reserve import Reserve
from tests.scarcity import no_files_left


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


def arrived(listener: socket.socket) -> socket.socket:
    client = socket.create_connection(listener.getsockname())
    client.settimeout(5)
    return client


def read(client: socket.socket) -> bytes:
    with client:
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_one_after_the_other_is_answered_503_with_the_time_to_come_back(listener: socket.socket) -> None:
    reserve = Reserve()
    clients = [arrived(listener) for _ in range(3)]
    clients[0].sendall(b"POST / HTTP/1.1\r\n\r\n" + b"x" * 10_000)
    with no_files_left():
        with pytest.raises(OSError) as refused:
            listener.accept()
        for _ in clients:
            reserve.turn_away(listener, refusals.whole("unavailable"))

    assert refused.value.errno == errno.EMFILE
    for answer in map(read, clients):
        assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"\r\nRetry-After: 5\r\n" in answer


def test_a_file_that_another_thread_was_faster_to_take_is_taken_back_later(listener: socket.socket) -> None:
    reserve = Reserve()
    with no_files_left():
        reserve._lend()
        with no_files_left():  # somebody takes it
            reserve._take_back()
            reserve.turn_away(listener, b"nobody hears it")
    client = arrived(listener)
    reserve.turn_away(listener, b"at last")
    assert read(client) == b"at last"
