"""A worker's threads: one team does not get all of them, whatever it has waiting."""

from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from delivery.models import Email, Team
from delivery.queue import fairness
from delivery.queue.fairness import BULK, HIGH, LANES, NORMAL, FairQueue
from tests.delivery.factories import queued

pytestmark = pytest.mark.django_db
BOTH = (HIGH, NORMAL)


def taken(queue: FairQueue, threads: ExitStack, lanes: Any = BOTH) -> UUID | None:
    """Let a thread take an email and keep it until the threads end."""
    turn = threads.enter_context(queue.taken(lanes))
    if turn:
        Email.objects.filter(pk=turn.pk).update(status="sending", due_at=None)
    return turn.pk if turn else None


@pytest.fixture
def busy() -> Team:
    """A team with much that waits."""
    team = Team.objects.create(name="busy")
    for _ in range(12):
        queued(team=team)
    return team


@pytest.mark.usefixtures("busy")
def test_a_team_leaves_a_thread_to_the_next_one(monkeypatch: Any) -> None:
    monkeypatch.setattr(fairness, "_EMPTY_SECONDS", dict.fromkeys(LANES, 0.0))
    queue = FairQueue([BOTH] * 8)
    with ExitStack() as threads:
        assert sum(taken(queue, threads) is not None for _ in range(8)) == 7
        code = queued(team=Team.objects.create(name="small"))
        assert taken(queue, threads) == code.pk
        assert taken(queue, threads) is None


@pytest.mark.usefixtures("busy")
def test_a_team_goes_on_when_one_of_its_emails_is_done(monkeypatch: Any) -> None:
    monkeypatch.setattr(fairness, "_EMPTY_SECONDS", dict.fromkeys(LANES, 0.0))
    queue = FairQueue([BOTH] * 4)
    with ExitStack() as threads:
        with queue.taken(BOTH) as first:
            assert first
            assert sum(taken(queue, threads) is not None for _ in range(3)) == 2
        Email.objects.filter(pk=first.pk).update(status="sent", due_at=None)
        assert taken(queue, threads)


def test_threads_of_one_lane_are_not_free_for_the_other(monkeypatch: Any, busy: Team) -> None:
    monkeypatch.setattr(fairness, "_EMPTY_SECONDS", dict.fromkeys(LANES, 0.0))
    queue = FairQueue([BOTH, BOTH, BOTH, (HIGH,)])
    with ExitStack() as threads:
        assert sum(taken(queue, threads) is not None for _ in range(3)) == 2
        urgent = queued(team=busy, priority="high")
        assert taken(queue, threads, (HIGH,)) == urgent.pk


@pytest.mark.usefixtures("busy")
def test_an_email_that_raises_is_counted_no_more() -> None:
    queue = FairQueue([BOTH] * 4)
    for _ in range(10):
        with pytest.raises(ZeroDivisionError), queue.taken(BOTH):
            raise ZeroDivisionError
    assert queue.take(BOTH)


def test_what_was_sent_without_a_key_may_have_all_threads() -> None:
    for _ in range(4):
        queued()
    queue = FairQueue([BOTH] * 4)
    with ExitStack() as threads:
        assert all(taken(queue, threads) for _ in range(4))


def test_mailings_come_last() -> None:
    bulk, normal, high = (queued(priority=lane) for lane in (BULK, NORMAL, HIGH))
    with ExitStack() as threads:
        queue = FairQueue()
        order = [taken(queue, threads, LANES) for _ in range(4)]
    assert order == [high.pk, normal.pk, bulk.pk, None]


def test_a_sign_in_code_is_looked_for_sooner_than_a_newsletter(monkeypatch: Any) -> None:
    clock = SimpleNamespace(monotonic=lambda: clock.now, now=100.0)
    monkeypatch.setattr(fairness, "time", clock)
    queue = FairQueue()
    assert queue.take(LANES) is None
    code, letter, news = (queued(priority=lane) for lane in LANES)
    found = []
    with ExitStack() as threads:
        for later in (0.0, 0.1, 0.25, 0.5):
            clock.now = 100.0 + later
            found.append(taken(queue, threads, LANES))
    assert found == [None, code.pk, letter.pk, news.pk]
