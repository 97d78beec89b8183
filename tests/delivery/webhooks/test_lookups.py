"""Names are looked up with a deadline, and a slow name server holds one thread for each name."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from delivery.webhooks.lookups import Lookups, Unresolved


class SlowServer:
    """A name server that answers when it is let."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer = threading.Event()

    def look_up(self, host: str, port: int, **_: Any) -> Any:
        self.asked.append(host)
        self.answer.wait(10)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", port))]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowServer]:
    made = SlowServer()
    monkeypatch.setattr(socket, "getaddrinfo", made.look_up)
    yield made
    made.answer.set()


def test_a_name_that_takes_too_long_has_no_address(server: SlowServer) -> None:
    begun = time.monotonic()
    with pytest.raises(Unresolved, match=r"within 0\.1 s"):
        Lookups().addresses("slow.test", 443, seconds=0.1)
    assert time.monotonic() - begun < 2


def test_a_name_is_asked_for_once_however_often_it_is_wanted_meanwhile(server: SlowServer) -> None:
    lookups = Lookups()
    for _ in range(20):
        with pytest.raises(Unresolved):
            lookups.addresses("slow.test", 443, seconds=0.001)
    assert server.asked == ["slow.test"]
    with ThreadPoolExecutor() as pool:
        wanted = pool.submit(lookups.addresses, "slow.test", 443, seconds=5)
        server.answer.set()
        assert wanted.result() == ["192.0.2.7"]


def test_a_name_is_asked_for_again_once_its_answer_is_there(server: SlowServer) -> None:
    lookups = Lookups()
    server.answer.set()
    for _ in range(2):
        assert lookups.addresses("quick.test", 443, seconds=5) == ["192.0.2.7"]
    assert server.asked == ["quick.test"] * 2


def test_so_many_names_and_no_more_wait_at_the_same_time(server: SlowServer) -> None:
    lookups = Lookups(most=2)
    for number in range(2):
        with pytest.raises(Unresolved, match="within"):
            lookups.addresses(f"{number}.test", 443, seconds=0.001)
    with pytest.raises(Unresolved, match="Too many"):
        lookups.addresses("third.test", 443, seconds=5)


def test_a_name_without_an_address_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(Unresolved, match="no such name"):
        Lookups().addresses("none.test", 443, seconds=5)


def test_a_process_that_was_forked_waits_for_no_thread_of_the_other(server: SlowServer) -> None:
    lookups = Lookups()
    with pytest.raises(Unresolved):
        lookups.addresses("slow.test", 443, seconds=0.001)
    server.answer.set()
    lookups.begin_anew()
    assert lookups.addresses("slow.test", 443, seconds=5) == ["192.0.2.7"]
