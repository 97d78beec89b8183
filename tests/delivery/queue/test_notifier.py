"""Emails are announced to the broker, once they are committed; whoever accepts them never waits for it."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import kombu
import pytest
from django.db import transaction
from django.utils import timezone

from delivery.queue import broker, notifier
from delivery.queue.notifier import Notifier
from delivery.submission import batches, emails
from delivery.submission.batches import Item
from tests import brokers
from tests.delivery.factories import draft
from tests.paths import ROOT
from tests.providers.fault_server import closed_port


class Wire:
    """Stands for the broker: keeps what it is told, or fails."""

    def __init__(self) -> None:
        self.told: list[broker.Notice] = []
        self.connections, self.calls, self.closed = 0, 0, 0
        self.fault: Exception | None = None

    def connection(self) -> "Wire":
        self.connections += 1
        return self

    def publish(self, some: Any, connection: Any) -> None:
        self.calls += 1
        if self.fault:
            raise self.fault
        self.told += some

    def collect(self) -> None:
        self.closed += 1


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    wire = Wire()
    monkeypatch.setattr(broker, "connection", wire.connection)
    monkeypatch.setattr(broker, "publish", wire.publish)
    return wire


@pytest.fixture
def notifying(wire: Wire, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Notifier:
    settings.CELERY_BROKER_URL = "amqp://broker/"
    fresh = Notifier()
    monkeypatch.setattr(notifier, "_notifier", fresh)
    return fresh


def ids(count: int) -> list[broker.Notice]:
    return [("normal", str(number)) for number in range(count)]


def told(notifying: Notifier, some: list[broker.Notice]) -> None:
    notifying.tell(some)
    notifying.finish(10)


@pytest.mark.django_db(transaction=True)
def test_an_accepted_email_is_announced_in_its_lane(wire: Wire, notifying: Notifier) -> None:
    email = emails.accept(draft(priority="high"), team=None)
    notifying.finish(10)

    assert wire.told == [("high", str(email.pk))]


@pytest.mark.django_db(transaction=True)
def test_emails_of_mailings_are_found_without_a_message(wire: Wire, notifying: Notifier) -> None:
    emails.accept(draft(priority="bulk"), team=None)
    notifying.finish(10)

    assert wire.told == []


@pytest.mark.django_db(transaction=True)
def test_what_is_not_committed_is_not_announced(wire: Wire, notifying: Notifier) -> None:
    with transaction.atomic():
        emails.accept(draft(), team=None)
        transaction.set_rollback(True)
    notifying.finish(10)

    assert wire.told == []


@pytest.mark.django_db(transaction=True)
def test_a_scheduled_email_is_left_to_the_sweep(wire: Wire, notifying: Notifier) -> None:
    emails.accept(draft(send_at=timezone.now() + timedelta(hours=1)), team=None)
    notifying.finish(10)

    assert wire.told == []


@pytest.mark.django_db(transaction=True)
def test_a_thousand_emails_are_announced_over_one_connection(wire: Wire, notifying: Notifier) -> None:
    batches.accept([Item(draft=draft())] * 1000, team=None)
    notifying.finish(10)

    assert (len(wire.told), wire.connections) == (1000, 1)


@pytest.mark.django_db(transaction=True)
def test_without_a_broker_nothing_is_announced(wire: Wire, notifying: Notifier, settings: Any) -> None:
    settings.CELERY_BROKER_URL = ""
    emails.accept(draft(), team=None)
    notifying.finish(10)

    assert (wire.told, notifying._thread) == ([], None)


def test_many_threads_announce_over_one_connection(wire: Wire, notifying: Notifier) -> None:
    threads = [threading.Thread(target=notifying.tell, args=(ids(10),)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    notifying.finish(10)

    assert (len(wire.told), wire.connections) == (200, 1)


def test_a_broker_that_is_down_is_left_alone_for_a_while(
    wire: Wire, notifying: Notifier, caplog: pytest.LogCaptureFixture
) -> None:
    wire.fault = ConnectionRefusedError()
    for _ in range(5):
        told(notifying, ids(3))

    assert (wire.calls, caplog.text.count("cannot be published")) == (1, 1)


def test_after_the_pause_it_is_told_again_over_a_new_connection(
    wire: Wire,
    notifying: Notifier,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notifier, "_PAUSE_SECONDS", 0.0)
    wire.fault = ConnectionResetError()
    told(notifying, ids(3))
    wire.fault = None
    told(notifying, ids(2))

    assert (wire.told, wire.connections, wire.closed) == (ids(2), 2, 1)
    assert "about 3 notices were dropped" in caplog.text


def test_what_memory_cannot_hold_is_dropped_and_counted(
    wire: Wire, notifying: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying, "_begin", lambda: None)  # nobody takes anything away
    notifying.tell(ids(notifier._MOST_WAITING + 5))

    assert notifying._dropped == 5


def test_an_idle_connection_is_closed(
    wire: Wire, notifying: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier, "_IDLE_SECONDS", 0.05)
    told(notifying, ids(1))
    deadline = time.monotonic() + 60
    while not wire.closed and time.monotonic() < deadline:
        time.sleep(0.01)
    told(notifying, ids(1))

    assert (wire.closed >= 1, wire.connections) == (True, 2)


def test_the_child_of_a_fork_announces_with_a_thread_of_its_own(notifying: Notifier) -> None:
    told(notifying, ids(1))
    notifier._begin_anew()

    assert notifier._notifier is not notifying
    assert notifier._notifier._thread is None


@pytest.fixture
def silent_broker(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A port that takes connections and never says a word."""
    import gomail.celery

    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"amqp://guest:guest@127.0.0.1:{listener.getsockname()[1]}/"
        settings.CELERY_BROKER_URL = url
        monkeypatch.setattr(gomail.celery.app.conf, "broker_write_url", url)
        gomail.celery.app.set_current()
        monkeypatch.setattr(notifier, "_notifier", Notifier())
        yield listener
        notifier._notifier.finish(30)  # else its thread would go on with the settings of the next test


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_does_not_answer_delays_nobody(silent_broker: socket.socket) -> None:
    begun = time.monotonic()
    for _ in range(5):
        emails.accept(draft(), team=None)

    assert time.monotonic() - begun < 2


def test_the_connection_to_a_silent_broker_gives_up_in_seconds(silent_broker: socket.socket) -> None:
    begun = time.monotonic()
    with (
        pytest.raises(kombu.exceptions.OperationalError, match="timed out"),
        broker.connected() as connection,
    ):
        broker.publish(ids(1), connection)

    assert time.monotonic() - begun < 10


def test_a_connection_that_is_refused_is_not_tried_again(
    silent_broker: socket.socket,
) -> None:
    silent_broker.close()
    begun = time.monotonic()
    with pytest.raises(kombu.exceptions.OperationalError, match="refused"), broker.connected() as connection:
        broker.publish(ids(1), connection)

    assert time.monotonic() - begun < 1.5


@pytest.mark.broker
def test_each_node_of_a_broker_is_tried(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import gomail.celery

    with brokers.fresh("rabbitmq") as living:
        url = f"amqp://guest:guest@127.0.0.1:{closed_port()}/;{living.url}"
        settings.CELERY_BROKER_URL = url
        monkeypatch.setattr(gomail.celery.app.conf, "broker_write_url", url)
        gomail.celery.app.set_current()
        with broker.connected() as connection:
            assert connection.default_channel.is_open


def test_without_a_broker_no_process_loads_celery() -> None:
    loaded = "import gomail.wsgi, sys; print([name for name in sys.modules if name in ('celery', 'kombu')])"
    told = subprocess.run(
        [sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout.splitlines()[-1] == "[]"
