"""The dispatcher: everything that is due is posted, and a slow endpoint delays no other."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError

from delivery.models import WebhookCall, WebhookMessage
from delivery.webhooks import calls, post
from delivery.webhooks.dispatcher import Dispatcher
from delivery.workers import loop
from tests.delivery.webhooks.endpoints import endpoint, message
from tests.providers.fault_server import FaultServer, answer, hang

pytestmark = pytest.mark.django_db


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    made = Dispatcher(threads=16)
    yield made
    made._pool.shutdown()


def work(dispatcher: Dispatcher, *, until: Any, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "it did not happen in time"
        dispatcher.step()
        dispatcher.wait()


def delivered() -> int:
    return WebhookMessage.objects.filter(outcome="delivered").count()


def test_all_that_is_due_is_posted_once(dispatcher: Dispatcher, receiver: FaultServer) -> None:
    to = endpoint(url=receiver.url)
    told = {str(message(to).pk) for _ in range(100)}
    work(dispatcher, until=lambda: delivered() == 100)

    assert sorted(got.headers["webhook-id"] for got in receiver.received) == sorted(told)
    assert WebhookCall.objects.count() == 100


def test_forty_endpoints_that_hang_delay_no_other(
    dispatcher: Dispatcher, receiver: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "_SECONDS", 3.0)
    receiver.paths["/hang"] = hang()
    good = endpoint(url=f"{receiver.url}/good")
    message(good)
    work(dispatcher, until=lambda: delivered() == 1)
    for slow in [endpoint(url=f"{receiver.url}/hang") for _ in range(40)]:
        message(slow)
    dispatcher.step()  # they have all the threads that they can get
    for _ in range(50):
        message(good)
    begun = time.monotonic()
    work(dispatcher, until=lambda: delivered() == 51)

    assert time.monotonic() - begun < 2.0


@pytest.mark.django_db(transaction=True)
def test_a_message_that_is_gone_when_its_call_ends_holds_up_no_other(
    dispatcher: Dispatcher, receiver: FaultServer
) -> None:
    gone, other = message(endpoint(url=receiver.url)), message(endpoint(url=receiver.url))
    assert dispatcher.step() == 2
    WebhookMessage.objects.filter(
        pk=gone.pk
    ).delete()  # as after an older state of the database has come back
    work(dispatcher, until=lambda: len(receiver.received) == 2 and delivered() == 1)

    assert [call.message_id for call in WebhookCall.objects.all()] == [other.pk]


def test_what_was_called_is_written_down_when_the_database_is_back(
    dispatcher: Dispatcher, receiver: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    message(endpoint(url=receiver.url))
    dispatcher.step()
    dispatcher.wait()
    record = calls.record
    monkeypatch.setattr(calls, "record", lambda made: fail())
    with pytest.raises(OperationalError):
        work(dispatcher, until=lambda: False)
    monkeypatch.setattr(calls, "record", record)
    dispatcher.step()

    assert (delivered(), len(receiver.received)) == (1, 1)


def fail() -> None:
    raise OperationalError("gone")


def test_a_bug_of_ours_in_one_call_is_logged_and_stops_no_other(
    dispatcher: Dispatcher,
    receiver: FaultServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    to = endpoint(url=receiver.url)
    bad = message(to)
    make = calls.make
    monkeypatch.setattr(calls, "make", lambda one: 1 / 0 if one.pk == bad.pk else make(one))
    message(to)
    work(dispatcher, until=lambda: delivered() == 1)

    assert f"Webhook {bad.pk} could not be posted" in caplog.text


def test_calls_under_way_are_finished_before_the_worker_stops(
    receiver: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "close_old_connections", lambda: None)  # the test's transaction is in it
    monkeypatch.setattr(loop.connection, "close", lambda: None)
    receiver.default = answer(200, wait=0.5)
    message(endpoint(url=receiver.url))
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    loop.post_webhooks(lambda: not stop.is_set())

    assert delivered() == 1
