"""Webhooks over `kill -9`: real workers die in the middle of posts, and every event arrives under one id."""

import json
import signal
import sqlite3
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from standardwebhooks import Webhook

from tests import brokers, fakes, servers
from tests.providers.fault_server import FaultServer, answer, hang, reset
from tests.servers import Installation

pytestmark = [pytest.mark.processes, pytest.mark.slow]
EMAILS = 40
WORKER = ("manage.py", "worker")
CELERY = ("-m", "celery", "-A", "gomail", "worker")
eventually = partial(servers.eventually, seconds=300.0)  # a lease and two calls that hang


class Told(Installation):
    """An installation that tells receivers on loopback."""

    def __init__(
        self, folder: Path, ses: fakes.FakeVendor, receivers: list[FaultServer], **more: str
    ) -> None:
        variables = {
            "GOMAIL_PROVIDERS": "ses",
            "GOMAIL_WEBHOOK_ALLOWED_NETS": "127.0.0.1",
            "GOMAIL_WEBHOOK_PORTS": ",".join(str(receiver.port) for receiver in receivers),
            "GOMAIL_WEBHOOK_SCHEDULE": "0," + ",".join(["0.2"] * 30),
        }
        super().__init__(folder, fakes.variables(ses, None) | variables | more)
        self.database = folder / "crash.sqlite3"

    def listen(self, receiver: FaultServer) -> str:
        """Make an endpoint, and return its secret."""
        body = json.dumps({"url": receiver.url, "events": ["email.sent"]}).encode()
        request = urllib.request.Request(self.url("webhooks/"), body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as reply:
            return str(json.load(reply)["secret"])

    def messages(self, outcome: str = "delivered") -> dict[str, str]:
        """Return the email of each message by the message's id."""
        query = "SELECT id, data FROM delivery_webhookmessage WHERE outcome = ?"
        with sqlite3.connect(self.database, timeout=20) as opened:
            rows = opened.execute(query, [outcome]).fetchall()
        return {str(UUID(pk)): json.loads(data)["email_id"] for pk, data in rows}


@pytest.fixture
def receivers() -> Iterator[list[FaultServer]]:
    """One that takes all, one of moods, and one that hangs at first."""
    moods = [answer(500), reset(), answer(429, headers={"Retry-After": "1"}), answer(302), answer(200)]
    with ExitStack() as stack:
        good, moody, hanging = (stack.enter_context(FaultServer()) for _ in range(3))
        moody.script(*moods * 8)
        hanging.script(hang(), hang())
        yield [good, moody, hanging]


def ids(receiver: FaultServer) -> dict[str, str]:
    """Return what it was told, by the ids of the messages: an email each."""
    told = [(got.headers["webhook-id"], got.json()["data"]["email_id"]) for got in receiver.received]
    assert len(set(told)) == len(dict(told)), "one id told two things"
    return dict(told)


def test_workers_that_are_killed_in_the_middle_of_posts_lose_no_event_and_keep_its_id(
    tmp_path: Path, ses: fakes.FakeVendor, receivers: list[FaultServer]
) -> None:
    gomail = Told(tmp_path, ses, receivers)
    with gomail.serving():
        secrets = [gomail.listen(receiver) for receiver in receivers]
        with gomail.running(*WORKER) as worker:
            for _ in range(EMAILS):
                gomail.post(prefer="respond-async")
            eventually(lambda: len(receivers[2].received) == 1)  # in the middle of a call that hangs
            worker.send_signal(signal.SIGKILL)
        for _ in range(3):
            with gomail.running(*WORKER) as worker:
                time.sleep(2.0)
                worker.send_signal(signal.SIGKILL)
        with gomail.running(*WORKER):
            eventually(lambda: len(gomail.messages()) == 3 * EMAILS)

    assert_told_all(gomail, receivers, secrets)
    assert ids(receivers[0]) | ids(receivers[1]) | ids(receivers[2]) == gomail.messages()


def assert_told_all(gomail: Told, receivers: list[FaultServer], secrets: list[str]) -> None:
    """Every receiver was told of every email, under one id, and can verify each try."""
    for receiver, secret in zip(receivers, secrets, strict=True):
        told = ids(receiver)
        assert len(set(told.values())) == len(told) == EMAILS
        for got in receiver.received[
            -20:
        ]:  # the others are older than a receiver accepts, if the machine is slow
            assert Webhook(secret).verify(got.body, dict(got.headers))


@pytest.mark.broker
def test_a_celery_worker_posts_them_too_and_one_that_is_killed_loses_none(
    tmp_path: Path, ses: fakes.FakeVendor, receivers: list[FaultServer]
) -> None:
    with brokers.fresh("rabbitmq") as broker:
        gomail = Told(tmp_path, ses, receivers, **broker.variables)
        with gomail.serving():
            secrets = [gomail.listen(receiver) for receiver in receivers]
            for _ in range(EMAILS):
                gomail.post(prefer="respond-async")
            with gomail.running(*CELERY) as worker:
                eventually(lambda: len(receivers[2].received) == 1)
                worker.send_signal(signal.SIGKILL)
            with gomail.running(*CELERY, "--beat"):
                eventually(lambda: len(gomail.messages()) == 3 * EMAILS)

    assert_told_all(gomail, receivers, secrets)
