"""Celery's workers, a real broker, a real server: what is accepted is sent once, whatever becomes of the messages."""

import base64
import json
import signal
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests import brokers, fakes
from tests.brokers import Broker
from tests.faults import processes
from tests.providers.fault_server import answer, closed_port, hang
from tests.servers import Installation, free_port

pytestmark = [pytest.mark.processes, pytest.mark.broker]
WORKER = ("-m", "celery", "-A", "gomail", "worker")
BEAT = ("-m", "celery", "-A", "gomail", "beat")
eventually = partial(processes.eventually, seconds=300.0)  # the slowest machine


class Machines(Installation):
    """An installation whose workers are Celery's, with one provider."""

    def __init__(self, folder: Path, broker: Broker, ses: fakes.FakeVendor) -> None:
        self.broker, self.ses = broker, ses
        variables = {"GOMAIL_PROVIDERS": "ses", "GOMAIL_HOLD_SECONDS": "0"}
        super().__init__(folder, fakes.variables(ses, None) | broker.variables | variables)

    def accept(self, **fields: Any) -> str:
        """Post an email that a worker is to send, and return its id."""
        body = json.dumps({"to_addresses": "ann@example.org", "subject": "Hello", **fields}).encode()
        headers = {"Content-Type": "application/json", "Prefer": "respond-async"}
        request = urllib.request.Request(self.url("send-email/"), body, headers)
        with urllib.request.urlopen(request, timeout=20) as reply:
            assert reply.status == 202
            return str(json.load(reply)["id"])

    def await_status(self, status: str, *emails: str) -> None:
        eventually(lambda: all(self.email(pk)["status"] == status for pk in emails))

    def mails(self, pk: str) -> int:
        """Count the mails of an email that came to the provider."""
        raw = [base64.b64decode(one.json()["Content"]["Raw"]["Data"]) for one in self.ses.mails]
        return sum(f"X-GoMail-ID: {pk}".encode() in mail for mail in raw)


class Cut(Machines):
    """The same as a second server sees it, which cannot reach the broker."""

    def __init__(self, whole: Machines) -> None:
        self.broker, self.ses, self.port = whole.broker, whole.ses, free_port()
        nobody = f"amqp://guest:guest@127.0.0.1:{closed_port()}/"
        self.environment = whole.environment | {"PORT": str(self.port), "CELERY_BROKER_URL": nobody}


@dataclass(frozen=True, kw_only=True)
class Story:
    """What was accepted while no worker ran."""

    machines: Machines
    unannounced: str  # the broker was down
    seconds: float  # that its acceptance took
    lost: str  # the broker lost its message
    doubled: str  # the broker has its message three times
    later: str  # has a time of its own
    at: datetime


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """A server on RabbitMQ, and no worker."""
    with brokers.fresh("rabbitmq") as broker, fakes.ses() as ses:
        installation = Machines(tmp_path_factory.mktemp("celery"), broker, ses)
        with installation.serving():
            yield installation


@pytest.fixture(scope="module")
def story(machines: Machines) -> Story:
    """The story up to the moment at which a worker and a clock had sent everything, and ended."""
    broker = machines.broker
    with ExitStack() as running:
        cut = Cut(machines)
        running.enter_context(cut.serving())
        cut.accept()  # the first one loads what it needs
        begun = time.monotonic()
        unannounced = cut.accept()
        seconds = time.monotonic() - begun
        lost = machines.accept()
        eventually(lambda: broker.purge("normal") == 1)
        at = datetime.now(UTC) + timedelta(seconds=6)
        doubled, later = machines.accept(), machines.accept(send_at=at.isoformat())
        broker.tell(doubled, times=2)
        for command in (WORKER, BEAT):
            running.enter_context(machines.running(*command))
        machines.await_status("sent", unannounced, lost, doubled, later)
    return Story(
        machines=machines,
        unannounced=unannounced,
        seconds=seconds,
        lost=lost,
        doubled=doubled,
        later=later,
        at=at,
    )


@pytest.mark.slow
def test_a_broker_that_is_down_delays_no_acceptance(story: Story) -> None:
    assert story.seconds < 1


@pytest.mark.slow
@pytest.mark.parametrize("which", ["unannounced", "lost", "doubled", "later"])
def test_whatever_became_of_its_message_an_email_is_sent_once(story: Story, which: str) -> None:
    assert story.machines.mails(getattr(story, which)) == 1


@pytest.mark.slow
def test_a_scheduled_email_waits_for_its_time(story: Story) -> None:
    (attempt,) = story.machines.email(story.later)["attempts"]
    assert story.at <= datetime.fromisoformat(attempt["started_at"]) < story.at + timedelta(minutes=1)


def test_an_email_that_was_accepted_is_sent_by_its_message(machines: Machines) -> None:
    with machines.running(*WORKER):  # and no clock
        machines.await_status("sent", machines.accept())


@pytest.mark.slow
def test_a_worker_that_was_killed_leaves_a_doubt_and_no_second_mail(machines: Machines) -> None:
    machines.ses.default = hang()
    with machines.running(*WORKER):
        pk = machines.accept(on_ambiguous="stop")
        eventually(lambda: machines.mails(pk) == 1)
    eventually(lambda: machines.broker.messages("normal") == 1)  # the broker gives it to the next
    machines.ses.default = answer(200, {"MessageId": "a second copy"})
    with machines.running(*WORKER), machines.running(*BEAT):
        machines.await_status("unknown", pk)
        eventually(lambda: machines.broker.messages("normal") == 0)

    assert machines.mails(pk) == 1


def test_a_worker_told_to_stop_finishes_what_it_has_begun(machines: Machines) -> None:
    machines.ses.default = answer(200, {"MessageId": "slow"}, wait=2.0)
    with suppress(ProcessLookupError), machines.running(*WORKER) as worker:
        begun = machines.accept()
        eventually(lambda: machines.mails(begun) == 1)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=35) == 0
        waiting = machines.accept()
    machines.ses.default = answer(200, {"MessageId": "quick"})

    assert (machines.email(begun)["status"], machines.mails(begun)) == ("sent", 1)
    assert (machines.email(waiting)["status"], machines.broker.messages("normal")) == ("queued", 1)


@pytest.mark.slow
def test_redis_will_do_as_well(tmp_path: Path, ses: fakes.FakeVendor) -> None:
    with brokers.fresh("redis") as broker:
        machines = Machines(tmp_path, broker, ses)
        with machines.running(*WORKER), machines.running(*BEAT), machines.serving():
            told = machines.accept()
            machines.await_status("sent", told)
            later = machines.accept(send_at=(datetime.now(UTC) + timedelta(seconds=1)).isoformat())
            machines.await_status("sent", later)

    assert [machines.mails(pk) for pk in (told, later)] == [1, 1]
