"""What a message makes a worker do, and which messages the sweep sends."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError
from django.utils import timezone
from kombu import Connection

from delivery import process
from delivery.models import Email, Team
from delivery.queue import broker, sweep
from delivery.queue.starvation import StarvedEmails
from delivery.routing import circuits
from delivery.sending import rounds
from delivery.workers import celery_tasks, loop
from tests import fakes
from tests.delivery.factories import queued

pytestmark = pytest.mark.django_db
LONG_AGO = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(celery_tasks, "_starved", StarvedEmails())
    monkeypatch.setattr(loop, "close_old_connections", lambda: None)  # the test's transaction is in it


@pytest.fixture
def memory(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A broker in this process's memory."""
    import gomail.celery

    app = gomail.celery.app
    settings.CELERY_BROKER_URL, settings.CELERY_QUEUE_PREFIX = "memory://", "gomail"
    monkeypatch.setattr(app.conf, "broker_write_url", "memory://")
    app.set_current()
    with Connection("memory://") as connection:
        yield connection
        for lane in ("high", "normal"):
            connection.default_channel.queue_delete(broker.queue_name(lane))


def announced(connection: Any, lane: str) -> list[str]:
    """Take the messages of a lane, and return the ids in them."""
    channel, found = connection.default_channel, []
    while message := channel.basic_get(broker.queue_name(lane), no_ack=True):
        found.append(message.decode()[0][0])
    return found


def waiting(**changes: Any) -> Email:
    return queued(**{"due_at": timezone.now() - LONG_AGO, **changes})


def status(email: Email) -> str:
    email.refresh_from_db()
    return email.status


def test_a_message_sends_its_email() -> None:
    email = queued()
    celery_tasks.hand_over(str(email.pk))

    assert status(email) == "sent"


def test_a_message_that_comes_twice_sends_once(providers: None, ses: fakes.FakeVendor) -> None:
    email = queued()
    for _ in range(2):
        celery_tasks.hand_over(str(email.pk))

    assert (status(email), len(ses.mails)) == ("sent", 1)


@pytest.mark.parametrize("pk", [str(uuid4()), "no id at all"])
def test_a_message_of_no_email_is_over_with(pk: str) -> None:
    celery_tasks.hand_over(pk)


@pytest.mark.parametrize("failure", [OperationalError("gone"), ZeroDivisionError()])
def test_what_goes_wrong_is_logged_and_leaves_no_task(
    failure: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(pk: Any) -> None:
        raise failure

    monkeypatch.setattr(rounds, "dispatch", fail)
    email = queued()
    celery_tasks.hand_over(str(email.pk))

    assert f"Email {email.pk} could not be handed over" in caplog.text


def test_told_to_stop_a_worker_begins_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "is_ending", lambda: True)
    email = queued()
    celery_tasks.hand_over(str(email.pk))

    assert status(email) == "queued"


def test_while_nobody_may_be_used_an_email_is_not_even_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuits, "any_may_be_used", lambda names: False)
    email = queued()
    celery_tasks.hand_over(str(email.pk))

    assert (status(email), email.rounds) == ("queued", 1)


def test_an_email_of_another_team_goes_along_if_it_was_passed_over() -> None:
    newsletter, sign_in = (Team.objects.create(name=name) for name in ("newsletter", "sign-in"))
    mine, other = waiting(team=newsletter), waiting(team=sign_in)
    celery_tasks.hand_over(str(mine.pk))

    assert (status(mine), status(other)) == ("sent", "sent")


def test_an_email_of_the_same_team_waits_for_its_own_message() -> None:
    team = Team.objects.create(name="newsletter")
    mine, next_one = waiting(team=team), waiting(team=team)
    celery_tasks.hand_over(str(mine.pk))

    assert (status(mine), status(next_one)) == ("sent", "queued")


def test_an_email_of_the_other_lane_waits_for_its_own_workers() -> None:
    mine, other = waiting(priority="high"), waiting(team=Team.objects.create(name="b"))
    celery_tasks.hand_over(str(mine.pk))

    assert status(other) == "queued"


def test_what_has_just_become_due_has_not_been_passed_over() -> None:
    queued(team=Team.objects.create(name="b"))

    assert StarvedEmails().take("normal", but=None) is None


def test_all_teams_who_were_passed_over_have_their_turn() -> None:
    teams = [Team.objects.create(name=str(number)) for number in range(3)]
    theirs = [waiting(team=team).pk for team in teams for _ in range(2)]
    starved, taken = StarvedEmails(), []
    while pk := starved.take("normal", but=None):
        taken.append(pk)

    assert sorted(taken) == sorted(theirs)


def test_the_sweep_announces_what_is_due_by_lanes(memory: Any) -> None:
    urgent, news = waiting(priority="high"), waiting()
    doubtful = waiting(status="unknown")
    queued(due_at=timezone.now() + LONG_AGO, status="scheduled")
    waiting(priority="bulk")  # its workers look for it themselves

    assert sweep.notify() == 3
    assert announced(memory, "high") == [str(urgent.pk)]
    assert set(announced(memory, "normal")) == {str(news.pk), str(doubtful.pk)}


def test_what_was_accepted_a_moment_ago_is_not_announced_again(memory: Any) -> None:
    queued()

    assert sweep.notify() == 0


def test_what_has_a_message_is_not_announced_again_and_again(memory: Any) -> None:
    for _ in range(50):
        waiting()
    announced_first, *later = [sweep.notify() for _ in range(4)]

    assert announced_first == 50
    assert later == [sweep._CERTAINLY] * 3


def test_the_longest_waiting_are_announced_whatever_the_queue_holds() -> None:
    due = [uuid4() for _ in range(100)]

    assert sweep.without_message(due, 1_000_000) == due[: sweep._CERTAINLY]
    assert sweep.without_message(due, 70) == due[:30]
    assert sweep.without_message(due, 0) == due


def test_a_sweep_announces_no_more_than_it_may(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "_MOST", 3)
    for _ in range(5):
        waiting()

    assert sweep.notify() == 3


def test_a_suspect_is_announced_to_nobody(memory: Any) -> None:
    waiting(crashes=2)

    assert sweep.notify() == 0


def test_while_nobody_may_be_used_nothing_is_announced(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuits, "any_may_be_used", lambda names: False)
    waiting()

    assert sweep.notify() == 0


def test_a_sweep_that_fails_is_logged_and_leaves_no_task(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(sweep, "notify", fail)
    celery_tasks.sweep_up()

    assert "The sweep could not publish its messages" in caplog.text


def test_a_worker_settles_what_others_left_behind_without_being_asked_by_a_message(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settled: list[str] = []
    done = threading.Event()

    def settle() -> None:
        settled.append("settled")
        if len(settled) == 3:
            done.set()
        raise OperationalError("away")

    monkeypatch.setattr(celery_tasks, "_done", done)
    monkeypatch.setattr(loop, "RESCUE_SECONDS", 0.001)
    monkeypatch.setattr(loop, "clean_up", settle)
    celery_tasks._rescue_on()

    assert settled == ["settled"] * 3
    assert "could not be rescued" in caplog.text


@pytest.mark.parametrize(
    ("lanes", "calls"),
    [(("high", "normal", "upkeep"), 0), (("bulk", "upkeep"), 32), (("high", "normal", "bulk"), 24)],
)
def test_a_worker_that_consumes_the_lane_of_mailings_calls_for_them(
    lanes: tuple[str, ...], calls: int, settings: Any
) -> None:
    settings.CELERY_QUEUE_PREFIX = "gomail"

    assert celery_tasks._calls([f"gomail.{lane}" for lane in lanes], 32) == calls


def test_two_sweeps_at_once_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    announced: list[str] = []

    def announce() -> int:
        announced.append("announced")
        celery_tasks.sweep_up()
        return 0

    monkeypatch.setattr(sweep, "notify", announce)
    celery_tasks.sweep_up()

    assert announced == ["announced"]
