"""The threads that work in a web process: the same few for little work, and none keeps what others need."""

import threading
import time
from concurrent.futures import Future
from typing import Any

import pytest

from gomail import crew
from gomail.crew import Crew
from tests.servers import eventually

SOON = 10.0


@pytest.fixture
def closed(monkeypatch: Any) -> list[str]:
    """The names of the threads that gave their connections back."""
    names: list[str] = []
    monkeypatch.setattr(crew.connections, "close_all", lambda: names.append(threading.current_thread().name))
    return names


def name() -> str:
    return threading.current_thread().name


def test_it_returns_what_the_function_returns_and_raises_what_it_raises(closed: list[str]) -> None:
    threads = Crew(2)
    assert threads.submit(divmod, 7, 2).result(SOON) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        threads.submit(divmod, 7, 0).result(SOON)
    assert threads.submit(divmod, 8, 2).result(SOON) == (4, 0)
    threads.shutdown()


def test_one_thread_does_what_comes_one_after_the_other(closed: list[str]) -> None:
    threads = Crew(8)
    names = set()
    for _ in range(20):
        names.add(threads.submit(name).result(SOON))
        eventually(lambda: len(threads._resting) == 1)
    threads.shutdown()
    assert names == {"work-0"}


def test_no_more_threads_work_than_are_allowed_and_all_is_done(closed: list[str]) -> None:
    threads, at_work, most, lock = Crew(4), [0], [0], threading.Lock()
    all_four = threading.Barrier(4)

    def work(number: int) -> int:
        with lock:
            at_work[0] += 1
            most[0] = max(most[0], at_work[0])
        if number < 4:
            all_four.wait(SOON)
        time.sleep(0.001)
        with lock:
            at_work[0] -= 1
        return number

    done = [threads.submit(work, number) for number in range(200)]
    assert [future.result(SOON) for future in done] == list(range(200))
    assert most[0] == 4
    threads.shutdown()


def test_a_thread_that_rests_gives_its_connection_back_and_works_on(
    monkeypatch: Any, closed: list[str]
) -> None:
    monkeypatch.setattr(crew, "REST_SECONDS", 0.05)
    threads = Crew(2)
    gate = threading.Event()
    both = [threads.submit(gate.wait, SOON) for _ in range(2)]
    gate.set()
    for future in both:
        future.result(SOON)
    eventually(lambda: sorted(closed) == ["work-0", "work-1"])

    assert threads.submit(name).result(SOON) in closed
    eventually(lambda: len(closed) == 3)
    threads.shutdown()


def test_a_connection_that_cannot_be_closed_costs_no_thread(monkeypatch: Any) -> None:
    def fail() -> None:
        failures.append(1)
        raise crew.Error("the server closed the connection unexpectedly")

    failures: list[int] = []
    monkeypatch.setattr(crew, "REST_SECONDS", 0.01)
    monkeypatch.setattr(crew.connections, "close_all", fail)
    threads = Crew(1)
    threads.submit(name).result(SOON)
    eventually(lambda: bool(failures))
    assert threads.submit(name).result(SOON) == "work-0"
    threads.shutdown()


def test_the_end_waits_for_what_was_taken_and_nothing_more_is(closed: list[str]) -> None:
    threads, done = Crew(2), []
    for number in range(6):
        threads.submit(lambda number=number: (time.sleep(0.02), done.append(number)))
    threads.shutdown()
    assert sorted(done) == list(range(6))
    with pytest.raises(RuntimeError):
        threads.submit(name)


def test_the_end_ends_threads_that_rest_however_long_they_have(monkeypatch: Any, closed: list[str]) -> None:
    monkeypatch.setattr(crew, "REST_SECONDS", 0.01)
    threads = Crew(1)
    threads.submit(name).result(SOON)
    eventually(lambda: len(closed) == 1)
    threads.shutdown()
    assert not any(thread.is_alive() for thread in threads._threads)


def test_work_that_was_called_off_before_it_began_is_not_done(closed: list[str]) -> None:
    threads, gate = Crew(1), threading.Event()
    threads.submit(gate.wait, SOON)
    called_off: Future[str] = threads.submit(name)
    assert called_off.cancel()
    gate.set()
    assert threads.submit(name).result(SOON) == "work-0"
    threads.shutdown()
