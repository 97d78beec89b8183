"""A client has a deadline, a longest silence and a slowest pace; what it waits for us is not its fault."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from gomail.server import reading
from gomail.server.reading import TimedUnreader, TooSlow

Ends = tuple[TimedUnreader, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    near, far = socket.socketpair()
    with near, far:
        yield TimedUnreader(near), far


def dribble(far: socket.socket, piece: bytes, every: float, ended: threading.Event) -> threading.Thread:
    def send() -> None:
        while not ended.wait(every):
            far.sendall(piece)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def read_on(unreader: TimedUnreader, pieces: int) -> int:
    return sum(len(unreader.chunk()) for _ in range(pieces))


def test_a_byte_now_and_then_is_cut_long_before_the_deadline(ends: Ends, monkeypatch: Any) -> None:
    unreader, far = ends
    monkeypatch.setattr(reading, "BEHIND_SECONDS", 0.3)
    ended = threading.Event()
    unreader.allow(600, pace=2000)
    thread = dribble(far, b"x", 0.02, ended)
    try:
        with pytest.raises(TooSlow):
            read_on(unreader, 10_000)
    finally:
        ended.set()
        thread.join()


def test_a_slow_client_of_an_honest_pace_is_read_on(ends: Ends, monkeypatch: Any) -> None:
    unreader, far = ends
    monkeypatch.setattr(reading, "BEHIND_SECONDS", 0.3)
    ended = threading.Event()
    unreader.allow(600, pace=2000)
    thread = dribble(far, b"x" * 400, 0.02, ended)  # 20 KB/s at best; 2 KB/s is asked for
    try:
        assert read_on(unreader, 60) >= 60 * 400
    finally:
        ended.set()
        thread.join()


def test_the_time_that_we_take_ourselves_does_not_count(ends: Ends, monkeypatch: Any) -> None:
    unreader, far = ends
    monkeypatch.setattr(reading, "BEHIND_SECONDS", 0.2)
    unreader.allow(600, pace=2000)
    far.sendall(b"a")
    assert unreader.chunk() == b"a"
    time.sleep(0.4)
    far.sendall(b"b")
    assert unreader.chunk() == b"b"


def test_who_is_given_up_while_it_is_waited_for_is_too_slow(ends: Ends) -> None:
    unreader, _ = ends
    threading.Timer(0.1, unreader.drop).start()
    with pytest.raises(TooSlow):
        unreader.chunk()


def test_what_it_waits_for_is_sent_before_the_first_wait_and_once(ends: Ends) -> None:
    unreader, far = ends
    unreader.greeting = b"HTTP/1.1 100 Continue\r\n\r\n"
    unreader.feed(b"there already")
    assert unreader.read(13) == b"there already"
    far.sendall(b"more")
    assert unreader.read(4) == b"more"
    far.sendall(b"most")
    assert unreader.read(4) == b"most"
    assert far.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"


def test_how_far_it_is_behind_is_known_while_it_is_waited_for(ends: Ends) -> None:
    unreader, far = ends
    assert unreader.seconds_behind() is None
    waiting = threading.Thread(target=unreader.chunk)
    waiting.start()
    until = time.monotonic() + 10
    while (unreader.seconds_behind() or 0) <= 0.05:
        assert time.monotonic() < until
    far.sendall(b"x")
    waiting.join()
    assert unreader.seconds_behind() is None


def test_seven_megabytes_pass_at_a_fifth_of_a_megabit() -> None:
    seconds = 7_000_000 / (200_000 / 8)
    assert seconds < reading.BODY_SECONDS
    assert reading.SLOWEST_BYTES_PER_SECOND < 200_000 / 8
