"""The threads that work in a web process: the same few for little work, and none keeps what others need."""

import threading
import time
from concurrent.futures import Future
from typing import Any

import pytest

from gomail.server import threads
from gomail.server.threads import ThreadPool
from tests.servers import eventually

SOON = 10.0


@pytest.fixture
def closed(monkeypatch: Any) -> list[str]:
    """The names of the threads that gave their connections back."""
    names: list[str] = []
    monkeypatch.setattr(
        threads.connections, "close_all", lambda: names.append(threading.current_thread().name)
    )
    return names


def name() -> str:
    return threading.current_thread().name


def test_it_returns_what_the_function_returns_and_raises_what_it_raises(closed: list[str]) -> None:
    pool = ThreadPool(2)
    assert pool.submit(divmod, 7, 2).result(SOON) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        pool.submit(divmod, 7, 0).result(SOON)
    assert pool.submit(divmod, 8, 2).result(SOON) == (4, 0)
    pool.shutdown()


def test_one_thread_does_what_comes_one_after_the_other(closed: list[str]) -> None:
    pool = ThreadPool(8)
    names = set()
    for _ in range(20):
        names.add(pool.submit(name).result(SOON))
        eventually(lambda: len(pool._idle) == 1)
    pool.shutdown()
    assert names == {"work-0"}


def test_no_more_threads_work_than_are_allowed_and_all_is_done(closed: list[str]) -> None:
    pool, at_work, most, lock = ThreadPool(4), [0], [0], threading.Lock()
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

    done = [pool.submit(work, number) for number in range(200)]
    assert [future.result(SOON) for future in done] == list(range(200))
    assert most[0] == 4
    pool.shutdown()


def test_a_thread_that_rests_gives_its_connection_back_and_works_on(
    monkeypatch: Any, closed: list[str]
) -> None:
    monkeypatch.setattr(threads, "REST_SECONDS", 0.05)
    pool = ThreadPool(2)
    gate = threading.Event()
    both = [pool.submit(gate.wait, SOON) for _ in range(2)]
    gate.set()
    for future in both:
        future.result(SOON)
    eventually(lambda: sorted(closed) == ["work-0", "work-1"])

    assert pool.submit(name).result(SOON) in closed
    eventually(lambda: len(closed) == 3)
    pool.shutdown()


def test_a_connection_that_cannot_be_closed_costs_no_thread(monkeypatch: Any) -> None:
    def fail() -> None:
        failures.append(1)
        raise threads.Error("the server closed the connection unexpectedly")

    failures: list[int] = []
    monkeypatch.setattr(threads, "REST_SECONDS", 0.01)
    monkeypatch.setattr(threads.connections, "close_all", fail)
    pool = ThreadPool(1)
    pool.submit(name).result(SOON)
    eventually(lambda: bool(failures))
    assert pool.submit(name).result(SOON) == "work-0"
    pool.shutdown()


def test_the_end_waits_for_what_was_taken_and_nothing_more_is(closed: list[str]) -> None:
    pool, done = ThreadPool(2), []
    for number in range(6):
        pool.submit(lambda number=number: (time.sleep(0.02), done.append(number)))
    pool.shutdown()
    assert sorted(done) == list(range(6))
    with pytest.raises(RuntimeError):
        pool.submit(name)


def test_the_end_ends_threads_that_rest_however_long_they_have(monkeypatch: Any, closed: list[str]) -> None:
    monkeypatch.setattr(threads, "REST_SECONDS", 0.01)
    pool = ThreadPool(1)
    pool.submit(name).result(SOON)
    eventually(lambda: len(closed) == 1)
    pool.shutdown()
    assert not any(thread.is_alive() for thread in pool._threads)


def test_work_that_was_called_off_before_it_began_is_not_done(closed: list[str]) -> None:
    pool, gate = ThreadPool(1), threading.Event()
    pool.submit(gate.wait, SOON)
    called_off: Future[str] = pool.submit(name)
    assert called_off.cancel()
    gate.set()
    assert pool.submit(name).result(SOON) == "work-0"
    pool.shutdown()


def test_what_is_for_few_leaves_threads_for_the_rest_and_is_done_in_turn(closed: list[str]) -> None:
    pool, go_on = ThreadPool(8), threading.Event()
    slow: list[Future[Any]] = [pool.submit_to_few(go_on.wait, SOON) for _ in range(20)]
    assert [pool.submit(divmod, 7, 2).result(SOON) for _ in range(6)] == [(3, 1)] * 6
    assert sum(one.running() for one in slow) == 2
    go_on.set()
    assert [one.result(SOON) for one in slow] == [True] * 20
    pool.shutdown()


def test_what_is_for_few_is_finished_before_the_end(closed: list[str]) -> None:
    pool = ThreadPool(4)
    slow = [pool.submit_to_few(time.sleep, 0.01) for _ in range(10)]
    pool.shutdown()
    assert all(one.done() for one in slow)


# One team and the others.


def test_a_team_leaves_threads_to_the_others_and_all_of_its_jobs_are_done(closed: list[str]) -> None:
    pool, go_on = ThreadPool(8), threading.Event()
    slow = [pool.submit(go_on.wait, SOON, team=1) for _ in range(20)]
    assert [pool.submit(divmod, 7, 2, team=2).result(SOON) for _ in range(6)] == [(3, 1)] * 6
    assert pool.submit(divmod, 7, 2).result(SOON) == (3, 1)
    assert sum(one.running() for one in slow) == 7
    go_on.set()
    assert [one.result(SOON) for one in slow] == [True] * 20
    pool.shutdown()


def test_teams_over_their_shares_take_turns(closed: list[str]) -> None:
    pool, go_on, order = ThreadPool(2), [threading.Event(), threading.Event()], []
    held = [pool.submit(gate.wait, SOON, team=0) for gate in go_on]
    waiting = [pool.submit(order.append, team, team=team) for team in (1, 1, 1, 2, 2, 3)]
    go_on[0].set()
    for one in waiting:
        one.result(SOON)
    assert order == [1, 2, 3, 1, 2, 1]
    go_on[1].set()
    assert all(one.result(SOON) for one in held)
    pool.shutdown()


def test_what_will_be_short_need_not_wait_for_its_teams_share(closed: list[str]) -> None:
    pool, go_on = ThreadPool(16), threading.Event()
    slow = [pool.submit(go_on.wait, SOON, team=1) for _ in range(30)]
    short = [pool.submit(divmod, 7, 2, team=1) for _ in range(5)]
    assert pool.holds_back(1)
    assert [pool.hurry(one, 1) for one in (*short, slow[0])] == [True] * 5 + [False]
    assert [one.result(SOON) for one in short] == [(3, 1)] * 5
    assert sum(one.running() for one in slow) == 14
    go_on.set()
    assert all(one.result(SOON) for one in slow)
    assert not pool.holds_back(1)
    pool.shutdown()


def test_the_end_waits_for_what_is_over_a_share(closed: list[str]) -> None:
    pool, go_on = ThreadPool(8), threading.Event()
    slow = [pool.submit(go_on.wait, SOON, team=1) for _ in range(20)]
    threading.Timer(0.05, go_on.set).start()
    pool.shutdown()
    assert all(one.done() for one in slow)
