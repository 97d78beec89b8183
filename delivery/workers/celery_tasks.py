"""Celery's tasks. They call the same functions as the embedded worker, so lost or duplicate messages do no harm."""

import threading
from collections.abc import Callable, Container
from typing import Any
from uuid import UUID

from celery import shared_task, signals
from django.db import connection

from delivery import journal, process
from delivery.events import polling
from delivery.models import Email
from delivery.queue import broker, fairness, heartbeats, notifier, sweep
from delivery.queue.starvation import StarvedEmails
from delivery.queue.urgency import UrgentEmails
from delivery.recovery import quarantine
from delivery.routing import governor
from delivery.routing.governor import Permit
from delivery.workers import bulk, loop, watching

_starved, _urgent = StarvedEmails(), UrgentEmails()
_pollers: list[polling.Poller] = []
_ending = threading.Event()  # no further event is read
_done = threading.Event()  # the last email has been handed over
_posting: list[
    threading.Thread
] = []  # webhooks, imports, mailings and their emails, alerts, until the process is told to stop


@shared_task(name=broker.HAND_OVER)
def hand_over(pk: str) -> None:
    """Hand over an email if it is due, and a starved email of another team."""
    loop.guarded(
        lambda: _hand_over(UUID(pk)), f"Email {pk} could not be handed over; its claim ends with its lease"
    )


@shared_task(name=broker.SWEEP)
def sweep_up() -> None:
    """Publish messages for due emails that have none."""
    _alone(broker.SWEEP, sweep.notify, "The sweep could not publish its messages; the next one tries again")


@shared_task(name=broker.CHECK_PROVIDERS)
def check_providers() -> None:
    """Ask the providers whose last answers are old: for their quotas, and whether they would carry mail."""
    _alone(broker.CHECK_PROVIDERS, loop.ask_vendors, "The providers could not be checked")


@shared_task(name=broker.TRY_SUSPECTS)
def try_suspects() -> None:
    """Try the due suspects in processes of their own."""
    _alone(broker.TRY_SUSPECTS, quarantine.try_some, "The suspects could not be tried")


@signals.worker_ready.connect
def begin(sender: Any, **_: Any) -> None:
    """Start the threads for heartbeats, until the last email has been handed over, and for all that is no task.

    These are no tasks, so that they go on also while the broker is away or workers keep crashing.
    """
    threads = sender.controller.concurrency
    sender.timer.call_repeatedly(
        1.0, lambda: None
    )  # wakes the event loop, so that it notices a signal while no message comes
    threading.Thread(target=_beat_on, args=(threads,), name="heart", daemon=True).start()
    threading.Thread(target=_rescue_on, name="recovery", daemon=True).start()
    _posting.append(threading.Thread(target=loop.post_webhooks, args=(_goes_on,), name="webhooks"))
    _posting.append(threading.Thread(target=loop.run_imports, args=(_goes_on,), name="imports"))
    _posting.append(threading.Thread(target=loop.run_mailings, args=(_goes_on,), name="mailings"))
    _posting.append(threading.Thread(target=watching.run, args=(_goes_on,), name="alerts"))
    if calls := _calls(sender.app.amqp.queues.consume_from, threads):
        _posting.append(threading.Thread(target=bulk.run, args=(_goes_on, calls), name="bulk"))
    for thread in _posting:
        thread.start()
    threading.Thread(target=loop.tell_metrics, args=(_goes_on,), name="metrics", daemon=True).start()
    read_events()


@signals.worker_shutting_down.connect
def stop(**_: Any) -> None:
    """Begin no further attempt; those under way are finished."""
    process.end()
    _ending.set()


@signals.worker_shutdown.connect
def leave(**_: Any) -> None:
    """Finish the shutdown: end the heartbeats, close the journal and the connection."""
    stop_reading()
    _done.set()
    for thread in _posting:
        thread.join()
    loop.guarded(heartbeats.leave, "The shutdown of this worker could not be recorded")
    journal.close()
    connection.close()


def read_events() -> None:
    """Start a thread for each queue of events."""
    _pollers.extend(polling.pollers())
    for poller in _pollers:
        threading.Thread(target=loop.read_events, args=(poller, _ending), name="events", daemon=True).start()


def stop_reading() -> None:
    """Read no further event; those that are being recorded are finished."""
    _ending.set()
    for poller in _pollers:
        poller.finish()


def _hand_over(pk: UUID) -> None:
    """Hand over this email and a starved one; while no provider may be used, both stay due for a later sweep."""
    if not loop.may_begin(_goes_on):
        return
    email = _in_its_turn(pk)
    other = _starved.take(email.priority, but=email.team_id) if email else None
    if other and loop.may_begin(_goes_on):
        _in_its_turn(other)


def _in_its_turn(pk: UUID) -> Email | None:
    """Hand over an email, or while it waits for its turn one that cannot wait."""
    lane = _lane(pk)
    if permit := governor.permit(lane):
        return loop.dispatch(pk, _goes_on, permit)
    if governor.comes_soon(lane):  # else the sweep finds it
        notifier.again(lane, pk)
    if urgent := _urgent.take(lane):
        loop.dispatch(urgent, _goes_on, Permit(stays=False))
    return None


def _lane(pk: UUID) -> str:
    """Return the lane of an email; it matters only where there are turns."""
    if not governor.is_needed():
        return fairness.NORMAL
    return Email.objects.filter(pk=pk).values_list("priority", flat=True).first() or fairness.NORMAL


def _calls(queues: Container[str], threads: int) -> int:
    """Return how many calls this worker makes for mailings: as many as it has threads, if those have no other mail."""
    if broker.queue_name(fairness.BULK) not in queues:
        return 0
    has_other_mail = any(broker.queue_name(lane) in queues for lane in broker.LANES)
    return bulk.threads(threads) if has_other_mail else threads


def _goes_on() -> bool:
    return not process.is_ending()


def _beat_on(threads: int) -> None:
    while not _done.is_set():
        loop.guarded(lambda: heartbeats.beat(threads=threads), "The worker's heartbeat could not be recorded")
        connection.close()
        _done.wait(heartbeats.BEAT_SECONDS)


def _rescue_on() -> None:
    while not _done.is_set():
        loop.guarded(loop.clean_up, "Orphans could not be rescued")
        _done.wait(loop.RESCUE_SECONDS)


def _alone(task: str, action: Callable[[], object], failed: str) -> None:
    """Run a periodic task, unless another thread is still running it: one run may take longer than the period."""
    lock = _under_way.setdefault(task, threading.Lock())
    if lock.acquire(blocking=False):
        try:
            loop.guarded(action, failed)
        finally:
            lock.release()


_under_way: dict[str, threading.Lock] = {}  # by the task's name
