"""A mailing over `kill -9`: real workers die while they make and send its emails, and everybody gets it once."""

import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests import brokers, fakes, servers
from tests.providers.fault_server import answer
from tests.servers import Installation

pytestmark = [pytest.mark.processes, pytest.mark.slow]
PEOPLE = 240
NAMELESS = 100  # every so many-th
WORKER = ("manage.py", "worker")
CELERY = ("-m", "celery", "-A", "gomail", "worker")
KILLED_AT = (40, 110)  # emails that have arrived by then
eventually = partial(servers.eventually, seconds=300.0)  # a lease, and a slow machine
_START = f"""
from django.db import transaction
from delivery.mailings import run, states
from delivery.models import Contact, Group, Membership
group = Group.objects.create(name="readers", from_address="News <news@example.org>", unsubscribe=False)
people = Contact.objects.bulk_create(
    Contact(
        email=f"p{{number}}@example.net",
        email_key=f"p{{number}}@example.net",
        first_name="" if number % {NAMELESS} == 0 else f"P{{number}}",
    )
    for number in range({PEOPLE})
)
Membership.objects.bulk_create(Membership(group=group, contact=contact) for contact in people)
bodies = {{"subject": "News", "text": "Dear {{{{ contact.first_name }}}}"}}
with transaction.atomic():
    mailing = states.create(None, name="News", group=group, **bodies)
    states.ask_check(mailing)
assert run.check_now(mailing)
with transaction.atomic():
    states.start(mailing, {PEOPLE}, by="ann")
"""


class Mailed(Installation):
    """An installation whose mailing has just been started."""

    def __init__(self, folder: Path, ses: fakes.FakeVendor, **more: str) -> None:
        super().__init__(folder, fakes.variables(ses, None) | {"GOMAIL_PROVIDERS": "ses"} | more)
        self.database = folder / "crash.sqlite3"
        self.manage("shell", "-c", _START)

    def ask(self, statement: str) -> list[Any]:
        with closing(sqlite3.connect(self.database, timeout=20)) as opened:
            return opened.execute(statement).fetchall()

    def is_done(self) -> bool:
        return self.ask("SELECT state FROM delivery_mailing") == [("done",)]

    def rows(self) -> dict[str, str]:
        return dict(self.ask("SELECT address, state FROM delivery_mailingrecipient"))


@pytest.fixture
def slow(ses: fakes.FakeVendor) -> fakes.FakeVendor:
    """An SES that takes a tenth of a second for each."""
    ses.default = answer(200, {"MessageId": "ses-message-id"}, wait=0.1)
    return ses


def arrived(ses: fakes.FakeVendor) -> Counter[str]:
    mails = (fakes._from_ses(mail.json()) for mail in ses.mails)
    return Counter(address for mail in mails for address in mail.recipients)


def lane(broker: brokers.Broker, name: str) -> tuple[str, ...]:
    """Return the command of a worker that Celery has for one lane alone."""
    return (
        *CELERY,
        "--hostname",
        f"{name}@test",
        "--queues",
        f"{broker.prefix}.{name},{broker.prefix}.upkeep",
    )


def assert_once_each(gomail: Mailed, ses: fakes.FakeVendor) -> None:
    rows, got = gomail.rows(), arrived(ses)
    nameless = {f"p{number}@example.net" for number in range(0, PEOPLE, NAMELESS)}
    assert {address for address, state in rows.items() if state == "failed"} == nameless
    assert set(rows.values()) <= {"sent", "unknown", "failed"}
    assert not got.keys() & nameless
    assert {address: times for address, times in got.items() if times > 1} == {}
    assert not [address for address, state in rows.items() if state == "sent" and not got[address]]
    assert len(rows) == PEOPLE


def test_workers_that_are_killed_lose_nobody_and_write_to_nobody_twice(
    tmp_path: Path, slow: fakes.FakeVendor
) -> None:
    gomail = Mailed(tmp_path, slow, WORKER_THREADS="6")
    for number in KILLED_AT:
        with gomail.running(*WORKER) as worker:
            eventually(lambda number=number: len(slow.mails) >= number)
            worker.send_signal(signal.SIGKILL)
    with gomail.running(*WORKER):
        eventually(gomail.is_done)

    assert_once_each(gomail, slow)
    unknown = list(gomail.rows().values()).count("unknown")
    assert unknown <= 6 * len(KILLED_AT)  # those that were at the provider when it was killed


@pytest.mark.broker
def test_celery_sends_it_too_and_needs_no_message(tmp_path: Path, slow: fakes.FakeVendor) -> None:
    with brokers.fresh("rabbitmq") as broker:
        gomail = Mailed(tmp_path, slow, WORKER_THREADS="6", **broker.variables)
        worker = lane(broker, "bulk")
        for number in KILLED_AT:
            with gomail.running(*worker) as running:
                eventually(lambda number=number: len(slow.mails) >= number)
                running.send_signal(signal.SIGKILL)
        with gomail.running(*worker):  # and no clock
            eventually(gomail.is_done)
            assert broker.messages("bulk") == 0
    assert_once_each(gomail, slow)
    assert list(gomail.rows().values()).count("unknown") <= 6 * len(KILLED_AT)


@pytest.mark.broker
def test_workers_of_celery_for_another_lane_make_its_emails_and_send_none(
    tmp_path: Path, ses: fakes.FakeVendor
) -> None:
    with brokers.fresh("rabbitmq") as broker:
        gomail = Mailed(tmp_path, ses, **broker.variables)
        with gomail.running(*lane(broker, "high"), "--beat"):
            eventually(lambda: "waiting" not in gomail.rows().values())
            time.sleep(6)  # the sweep has been there
            assert len(ses.mails) == 0
            with gomail.running(*lane(broker, "bulk")):
                eventually(gomail.is_done)
    assert_once_each(gomail, ses)
