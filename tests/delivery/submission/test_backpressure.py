"""What cannot be promised is refused, and nothing is stored of it; what was promised is sent all the same."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from delivery.models import Email, Team
from delivery.queue.fairness import FairQueue
from delivery.submission import backpressure, batches, emails
from delivery.workers import embedded
from tests.delivery.factories import draft, queued

pytestmark = pytest.mark.django_db


@pytest.fixture
def two_at_most(settings: Any) -> None:
    """A queue with room for two, and two in it."""
    settings.GOMAIL_QUEUE_MAX = 2
    queued(), queued()


@pytest.mark.usefixtures("two_at_most")
@pytest.mark.parametrize("verb", [emails.accept, emails.send])
def test_a_full_queue_takes_no_more_and_stores_nothing(verb: Any) -> None:
    with pytest.raises(backpressure.Overloaded):
        verb(draft(), team=None)
    assert Email.objects.count() == 2


@pytest.mark.usefixtures("two_at_most")
def test_a_full_queue_refuses_every_email_of_a_batch() -> None:
    results = batches.accept([batches.Item(draft=draft()), batches.Item(draft=draft())], team=None)
    assert [type(result) for result in results] == [backpressure.Overloaded, backpressure.Overloaded]
    assert Email.objects.count() == 2


def test_high_priority_is_refused_last(settings: Any) -> None:
    settings.GOMAIL_QUEUE_MAX = 10
    for _ in range(10):
        queued()
    with pytest.raises(backpressure.Overloaded):
        emails.accept(draft(), team=None)

    emails.accept(draft(priority="high"), team=None)
    backpressure.forget()
    with pytest.raises(backpressure.Overloaded):
        emails.accept(draft(priority="high"), team=None)


def test_a_team_with_little_in_the_queue_is_refused_after_the_one_that_has_filled_it(settings: Any) -> None:
    settings.GOMAIL_QUEUE_MAX = 100
    greedy, small = (Team.objects.create(name=name) for name in ("greedy", "small"))
    for _ in range(110):
        queued(team=greedy)
    with pytest.raises(backpressure.Overloaded):
        emails.accept(draft(priority="high"), team=greedy)
    emails.accept(draft(), team=small)
    with pytest.raises(backpressure.Overloaded):  # it has one in a hundred now
        emails.accept(draft(), team=small)


def test_there_is_an_end_to_what_is_kept_for_teams_with_little(settings: Any) -> None:
    settings.GOMAIL_QUEUE_MAX = 10
    for _ in range(12):
        queued()
    with pytest.raises(backpressure.Overloaded):
        emails.accept(draft(), team=Team.objects.create(name="small"))


@pytest.mark.usefixtures("two_at_most")
def test_what_is_waiting_is_sent_while_nothing_is_taken_on() -> None:
    embedded.hand_over(threading.Event(), FairQueue())
    backpressure.forget()

    assert emails.accept(draft(), team=None).status == "queued"


def test_what_is_scheduled_fills_no_queue(settings: Any) -> None:
    settings.GOMAIL_QUEUE_MAX = 1
    queued(status="scheduled", due_at=timezone.now() + timedelta(hours=1))
    assert emails.accept(draft(), team=None).status == "queued"


def test_a_disk_without_room_takes_nothing_on(settings: Any) -> None:
    settings.GOMAIL_DISK_MIN_MB = 10**9
    with pytest.raises(backpressure.Overloaded):
        emails.accept(draft(priority="high"), team=None)
    assert backpressure.reading().short_of_room[:2] == ("attachments", "journal")


def test_many_requests_cost_one_reading() -> None:
    with CaptureQueriesContext(connection) as captured:
        for _ in range(20):
            backpressure.refuse_if_too_high("normal")
    assert len(captured) <= 2


def test_a_reading_that_takes_long_is_made_seldom(monkeypatch: Any) -> None:
    gauge = backpressure._Gauge()
    clock = iter([0.0, 5.0, 100.0, 105.1])
    monkeypatch.setattr(backpressure.time, "monotonic", lambda: next(clock))
    first = gauge.reading()  # takes five seconds
    assert gauge.reading() is first
    monkeypatch.undo()
    assert gauge._good_until == 105.0


def test_nobody_waits_for_a_reading_behind_a_database_that_is_away(monkeypatch: Any) -> None:
    reached, goes_on, gauge = threading.Event(), threading.Event(), backpressure._Gauge()

    def count() -> int:
        reached.set()
        goes_on.wait(5)
        raise OperationalError("away")

    monkeypatch.setattr(backpressure, "_count", count)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(gauge.reading)
        reached.wait(5)
        assert gauge.reading() == backpressure.Reading()
        goes_on.set()
        with pytest.raises(OperationalError):
            first.result()
