"""The worker's loop: it survives a bad email and a bad moment of the database, and stops when it is told to."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from delivery import emails, worker
from delivery.models import Email
from tests.delivery.test_emails import orphan, queued

pytestmark = pytest.mark.django_db


def nothing() -> None:
    """Do nothing between two emails."""


def test_an_email_that_shows_a_defect_does_not_stop_the_others(monkeypatch: Any) -> None:
    bad, good = queued(), queued()
    real = emails.dispatch

    def dispatch(pk: Any) -> Any:
        if pk == bad.pk:
            raise ZeroDivisionError
        return real(pk)

    monkeypatch.setattr(emails, "dispatch", dispatch)
    worker.hand_over(threading.Event(), nothing)

    good.refresh_from_db()
    assert good.status == "sent"


def test_the_longest_waiting_email_goes_first(monkeypatch: Any) -> None:
    now = timezone.now()
    late, early = queued(due_at=now), queued(due_at=now - timedelta(minutes=5))
    order: list[Any] = []
    monkeypatch.setattr(emails, "dispatch", order.append)

    worker.hand_over(threading.Event(), nothing)

    assert order == [early.pk, late.pk]


def test_an_orphan_need_not_wait_for_the_emails_that_are_due(monkeypatch: Any) -> None:
    queued(), queued()
    waiting = orphan()
    states: list[str] = []

    def settle_and_look() -> None:
        worker.settle()
        states.append(Email.objects.get(pk=waiting.pk).status)

    worker.hand_over(threading.Event(), settle_and_look)

    assert states == ["queued", "queued"]


def test_settling_gives_up_what_is_overdue() -> None:
    email = queued(expires_at=timezone.now() - timedelta(seconds=1))

    worker.settle()

    email.refresh_from_db()
    assert email.status == "expired"


def test_told_to_stop_the_worker_begins_no_further_email(monkeypatch: Any) -> None:
    queued(), queued()
    stop = threading.Event()
    worker.hand_over(stop, stop.set)

    assert sorted(Email.objects.values_list("status", flat=True)) == ["queued", "sent"]


def test_a_database_that_fails_for_a_moment_does_not_end_the_worker(
    transactional_db: None, monkeypatch: Any
) -> None:
    stop = threading.Event()
    calls: list[str] = []

    def fail_once(_: threading.Event, __: Callable[[], None]) -> int:
        calls.append("called")
        if len(calls) == 1:
            raise OperationalError("gone")
        stop.set()
        return 1

    monkeypatch.setattr(worker, "hand_over", fail_once)
    monkeypatch.setattr(worker, "_IDLE_SECONDS", 0.01)
    worker.run(stop)

    assert len(calls) == 2
