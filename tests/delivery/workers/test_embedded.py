"""The worker's loop: it survives a bad email and a bad moment of the database, and stops when it is told to."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from delivery.models import Email, Team
from delivery.queue import claims
from delivery.queue.fairness import FairQueue
from delivery.sending import rounds
from delivery.workers import embedded, loop
from tests import fakes
from tests.delivery.factories import queued

pytestmark = pytest.mark.django_db


def test_an_email_that_shows_a_defect_does_not_stop_the_others(monkeypatch: Any) -> None:
    bad, good = queued(), queued()
    real = rounds.dispatch

    def dispatch(pk: Any, going_on: Any, permit: Any) -> Any:
        if pk == bad.pk:
            claims.take(pk)
            raise ZeroDivisionError
        return real(pk)

    monkeypatch.setattr(rounds, "dispatch", dispatch)
    embedded.hand_over(threading.Event(), FairQueue())

    good.refresh_from_db()
    assert good.status == "sent"


def test_the_longest_waiting_email_goes_first(monkeypatch: Any) -> None:
    now = timezone.now()
    late, early = queued(due_at=now), queued(due_at=now - timedelta(minutes=5))
    order: list[Any] = []
    monkeypatch.setattr(rounds, "dispatch", lambda pk, going_on, permit: order.append(pk) or claims.take(pk))

    embedded.hand_over(threading.Event(), FairQueue())

    assert order == [early.pk, late.pk]


def test_settling_gives_up_what_is_overdue() -> None:
    email = queued(expires_at=timezone.now() - timedelta(seconds=1))

    loop.clean_up()

    email.refresh_from_db()
    assert email.status == "expired"


def test_told_to_stop_the_worker_begins_no_further_email(monkeypatch: Any) -> None:
    queued(), queued()
    stop = threading.Event()
    real = rounds.dispatch

    def dispatch(pk: Any, going_on: Any, permit: Any) -> Any:
        stop.set()
        return real(pk, going_on)

    monkeypatch.setattr(rounds, "dispatch", dispatch)
    embedded.hand_over(stop, FairQueue())

    assert sorted(Email.objects.values_list("status", flat=True)) == ["queued", "sent"]


def test_told_to_stop_the_worker_asks_no_further_provider(
    providers: None, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    email = queued()
    ses.default = fakes.SES_FAILING
    rounds.dispatch(email.pk, going_on=lambda: False)

    email.refresh_from_db()
    assert (email.status, len(ses.received), sendgrid.received) == ("queued", 1, [])


def test_high_priority_goes_first_and_the_longest_waiting_among_them() -> None:
    now = timezone.now()
    news = queued(due_at=now - timedelta(hours=1))
    late, early = (queued(priority="high", due_at=now - timedelta(seconds=age)) for age in (1, 2))

    assert given_out(FairQueue()) == [early.pk, late.pk, news.pk]


def test_a_thread_for_high_priority_gives_out_nothing_else() -> None:
    queued()
    urgent = queued(priority="high")
    queue = FairQueue()

    assert queue.take(["high"]) == urgent.pk
    claims.take(urgent.pk)
    assert queue.take(["high"]) is None


def test_every_team_has_a_turn_however_much_another_has_waiting() -> None:
    busy, calm, quiet = (Team.objects.create(name=name) for name in ("busy", "calm", "quiet"))
    for _ in range(40):
        queued(team=busy)
    one, other, nobodys = queued(team=calm), queued(team=quiet), queued()
    order = given_out(FairQueue())

    assert len(order) == 43
    assert max(order.index(email.pk) for email in (one, other, nobodys)) < 10


def test_emails_that_are_not_due_are_not_given_out() -> None:
    queued(due_at=timezone.now() + timedelta(minutes=1))
    queued(expires_at=timezone.now())

    assert FairQueue().take(["high", "normal"]) is None


def test_an_empty_queue_is_not_asked_again_at_once() -> None:
    queue = FairQueue()
    queue.take(["normal"])
    with CaptureQueriesContext(connection) as captured:
        for _ in range(20):
            queue.take(["normal"])

    assert len(captured) <= 8  # a slow machine may need half a second


def test_with_more_threads_than_one_both_lanes_are_served_first_by_somebody() -> None:
    lanes = [embedded._lanes(number, 4) for number in range(4)]

    assert ("high",) in lanes
    assert any(lane[0] == "normal" for lane in lanes)
    assert not any("bulk" in lane for lane in lanes)
    assert embedded._lanes(0, 1) == ("high", "normal")


def test_a_worker_of_many_threads_hands_over_everything_once_and_ends(
    transactional_db: None, providers: None, ses: fakes.FakeVendor
) -> None:
    for _ in range(30):
        queued()
    stop = threading.Event()
    running = threading.Thread(target=embedded.run, args=(stop,), kwargs={"threads": 4})
    running.start()
    deadline = time.monotonic() + 60
    while Email.objects.exclude(status="sent").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
    running.join(60)

    assert not running.is_alive()
    assert (Email.objects.filter(status="sent").count(), len(ses.mails)) == (30, 30)


@pytest.mark.parametrize("failure", [OperationalError("gone"), ZeroDivisionError()])
def test_what_goes_wrong_once_does_not_end_the_worker(
    transactional_db: None, monkeypatch: Any, failure: Exception
) -> None:
    stop = threading.Event()
    calls: list[str] = []

    def fail_once(*_: Any) -> int:
        calls.append("called")
        if len(calls) == 1:
            raise failure
        stop.set()
        return 1

    monkeypatch.setattr(embedded, "hand_over", fail_once)
    monkeypatch.setattr(embedded, "_IDLE_SECONDS", (0.01, 0.01))
    embedded.run(stop, threads=1)

    assert len(calls) == 2


def given_out(queue: FairQueue) -> list[Any]:
    """Take everything, as a worker does that claims what it takes."""
    taken: list[Any] = []
    while pk := queue.take(["high", "normal"]):
        taken.append(pk)
        Email.objects.filter(pk=pk).update(status="sent", due_at=None)
    return taken
