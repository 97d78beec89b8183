"""The list of workers, and the claims that a heartbeat holds."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from delivery import process
from delivery.models import Email, Worker
from delivery.queue import heartbeats, leases
from tests.delivery.factories import queued

pytestmark = pytest.mark.django_db


def claimed(**fields: Any) -> Email:
    soon = timezone.now() + timedelta(seconds=10)
    given = {"status": "sending", "due_at": None, "lease_until": soon, "worker": process.identity(), **fields}
    return queued(**given)


def seconds_left(email: Email) -> float:
    email.refresh_from_db()
    assert email.lease_until
    return (email.lease_until - timezone.now()).total_seconds()


def test_a_worker_is_in_the_list_from_its_first_beat_to_its_end() -> None:
    heartbeats.beat(threads=8)
    assert [row.threads for row in heartbeats.running()] == [8]

    heartbeats.leave()
    assert list(heartbeats.running()) == []
    assert Worker.objects.get().stopped_at is not None


def test_a_worker_that_says_nothing_for_a_minute_is_not_running() -> None:
    heartbeats.beat(threads=8)
    Worker.objects.update(seen_at=timezone.now() - timedelta(seconds=61))
    assert list(heartbeats.running()) == []

    heartbeats.beat(threads=8)
    assert heartbeats.running().count() == 1


def test_workers_of_the_day_before_are_forgotten() -> None:
    Worker.objects.create(id=uuid4(), host="old", pid=1, threads=1)
    Worker.objects.update(seen_at=timezone.now() - timedelta(days=2))
    heartbeats.beat(threads=8)

    assert [row.pk for row in Worker.objects.all()] == [process.identity()]


def test_a_beat_holds_what_is_being_handed_over() -> None:
    email = claimed()
    with leases.kept(email.pk):
        heartbeats.beat(threads=1)

    assert seconds_left(email) > 50


def test_a_beat_holds_nothing_that_is_done() -> None:
    email = claimed()
    with leases.kept(email.pk):
        pass
    heartbeats.beat(threads=1)

    assert seconds_left(email) < 11


@pytest.mark.parametrize(
    "lost",
    [
        {"worker": uuid4()},
        {"status": "queued"},
        {"lease_until": timezone.now() - timedelta(seconds=1)},
    ],
)
def test_a_claim_that_is_lost_is_not_taken_back(lost: dict[str, Any]) -> None:
    email = claimed(**lost)
    with leases.kept(email.pk):
        assert leases.renew() == 0


def test_a_thread_that_hangs_loses_its_claim(monkeypatch: Any) -> None:
    email = claimed()
    monkeypatch.setattr(leases, "_LONGEST", -1.0)
    with leases.kept(email.pk):
        assert leases.renew() == 0
    assert seconds_left(email) < 11


def test_a_worker_whose_process_has_gone_does_not_run_and_is_missed() -> None:
    heartbeats.beat(threads=8)
    heartbeats.bury(process.identity())
    assert list(heartbeats.running()) == []
    assert list(heartbeats.lost()) == []  # its successor may be on its way
    Worker.objects.update(seen_at=timezone.now() - timedelta(seconds=61))
    assert heartbeats.lost().count() == 1


def test_a_worker_that_was_taken_for_gone_counts_from_its_next_heartbeat_on() -> None:
    heartbeats.beat(threads=8)
    heartbeats.bury(process.identity())
    heartbeats.beat(threads=8)
    assert [row.threads for row in heartbeats.running()] == [8]
