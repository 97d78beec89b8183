"""How Celery is set up: what must be so for a lost process to lose no message, and for a worker to start at all."""

from types import SimpleNamespace
from typing import Any

import pytest
from celery.worker.consumer import Consumer
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError

import gomail.celery
from gomail import start
from gomail.celery import app
from gomail.consumer import QuietConsumer

THREADS = SimpleNamespace(pool_cls="threads")
DELAYED = "celery.worker.consumer.delayed_delivery:DelayedDelivery"


def test_a_message_is_given_back_by_a_process_that_ends() -> None:
    assert (app.conf.task_acks_late, app.conf.task_reject_on_worker_lost) == (True, True)


def test_a_worker_takes_no_more_than_it_has_threads() -> None:
    assert app.conf.worker_prefetch_multiplier == 1


def test_nothing_but_json_is_read() -> None:
    assert app.conf.accept_content == ["json"]


@pytest.mark.parametrize("lane", ["high", "normal"])
def test_the_lanes_outlive_a_node(lane: str) -> None:
    queue = next(queue for queue in app.conf.task_queues if queue.name == f"gomail.{lane}")
    assert queue.queue_arguments == {"x-queue-type": "quorum"}


def test_what_the_clock_asked_for_does_not_pile_up() -> None:
    queue = next(queue for queue in app.conf.task_queues if queue.name == "gomail.upkeep")
    assert queue.queue_arguments == {"x-max-length": 6}


def test_a_worker_declares_no_queues_for_tasks_with_a_date() -> None:
    assert DELAYED in Consumer.Blueprint.default_steps
    assert set(Consumer.Blueprint.default_steps) - set(QuietConsumer.Blueprint.default_steps) == {DELAYED}


def test_everything_that_comes_by_the_clock_is_a_task_that_is_there() -> None:
    import delivery.workers.celery_tasks  # noqa: F401

    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(app.tasks)


def test_the_names_of_the_tasks_are_promises() -> None:
    import delivery.workers.celery_tasks  # noqa: F401

    ours = {name for name in app.tasks if name.startswith("delivery.")}
    # Messages of the version before are in the queues while a new one starts.
    assert ours == {
        "delivery.hand_over",
        "delivery.sweep",
        "delivery.check_providers",
        "delivery.try_suspects",
    }


@pytest.mark.parametrize("error", [CommandError("no secret key"), ImproperlyConfigured("not migrated")])
def test_a_worker_that_cannot_work_says_so_and_ends(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise error

    monkeypatch.setattr(gomail.celery, "call_command", lambda name: None)
    monkeypatch.setattr(start, "prepare", refuse)
    with pytest.raises(SystemExit, match=str(error)):
        gomail.celery._prepare(sender=THREADS)


def test_a_worker_of_processes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared: list[Any] = []
    monkeypatch.setattr(start, "prepare", lambda: prepared.append("prepared"))
    with pytest.raises(SystemExit, match="omit --pool"):
        gomail.celery._prepare(sender=SimpleNamespace(pool_cls="prefork"))

    assert prepared == []
