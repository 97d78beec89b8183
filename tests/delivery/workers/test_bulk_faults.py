"""The worker's thread for mailings while something fails: nothing is lost, counted twice, or left to a lease."""

import threading
import time
from typing import Any

import pytest
from django.db import OperationalError

from delivery.models import Attempt, Email
from delivery.routing import governor
from delivery.workers.bulk import BulkSender
from tests.delivery.factories import queued

pytestmark = pytest.mark.django_db


def bulk(**changes: Any) -> Email:
    return queued(priority="bulk", **changes)


def finish(sender: BulkSender) -> None:
    give_up = time.monotonic() + 10
    while sender.is_busy and time.monotonic() < give_up:
        sender.settle()
        sender.wait(0.01)
    assert not sender.is_busy
    sender.close()


def statuses() -> list[str]:
    return list(Email.objects.order_by("id").values_list("status", flat=True))


def away(*_: Any, **__: Any) -> Any:
    raise OperationalError("gone")


def test_a_permit_that_cannot_be_asked_for_leaves_no_email_counted(monkeypatch: Any) -> None:
    for _ in range(3):
        bulk()
    sender, real, asked = BulkSender(2), governor.permit, []

    def permit(*arguments: Any) -> Any:
        asked.append(1)
        return away() if len(asked) == 2 else real(*arguments)

    monkeypatch.setattr(governor, "permit", permit)
    with pytest.raises(OperationalError):
        sender.step(lambda: True)
    assert sender._queue._busy["bulk"] == 0

    sender.step(lambda: True)
    finish(sender)
    assert "sent" in statuses()


def test_a_thread_that_cannot_be_started_leaves_no_attempt_that_nobody_makes(monkeypatch: Any) -> None:
    bulk(), bulk(), bulk()
    sender, real, started = BulkSender(3), threading.Thread.start, []

    def start(thread: threading.Thread) -> None:
        started.append(thread)
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    sender.step(lambda: True)
    finish(sender)

    assert Attempt.objects.count() == 1
    assert not Attempt.objects.filter(outcome="started").exists()
    assert sorted(statuses()) == ["queued", "queued", "sent"]
