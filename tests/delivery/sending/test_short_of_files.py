"""An email in a process that can open no file: it waits, and no provider gets a bad name."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from delivery.content.drafts import Draft
from delivery.models import Attempt, Circuit, CircuitChange, Email
from delivery.queue.fairness import FairQueue
from delivery.routing import circuit_cache, configured
from delivery.sending import rounds
from delivery.submission import emails
from delivery.workers import embedded, loop
from providers.message import Mailbox, Receipt
from providers.sendgrid.adapter import SendGrid
from providers.ses.adapter import SES
from providers.wire import shortage
from tests import fakes
from tests.scarcity import no_files_left

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]


@pytest.fixture(autouse=True)
def _nobody_is_connected(providers: None) -> None:
    """Connections that are kept need no file."""
    for provider in configured.providers():
        provider.close()


def send() -> Email:
    to = (Mailbox(address="bob@example.com"),)
    return emails.send(
        Draft(sender=Mailbox(address="me@example.org"), to=to, subject="Hello", text="Hi"), team=None
    )


@contextmanager
def no_way_out() -> Iterator[None]:
    """Leave no file to whoever calls a provider; SQLite keeps what it needs to write it down."""
    with ExitStack() as stack:
        for kind in (SES, SendGrid):
            stack.enter_context(patch.object(kind, "send", _without_files(kind.send)))
        yield


def _without_files(send: Callable[..., Receipt]) -> Callable[..., Receipt]:
    def starved(*arguments: Any) -> Receipt:
        with no_files_left():
            return send(*arguments)

    return starved


def tried() -> set[tuple[str, str, str]]:
    return set(Attempt.objects.values_list("provider", "outcome", "error"))


def test_it_waits_and_no_circuit_knows_of_it(ses: fakes.FakeVendor) -> None:
    with no_way_out():
        waiting = [send() for _ in range(12)]

    assert {email.status for email in waiting} == {"queued"}
    assert tried() == {("ses", "not_sent", "exhausted"), ("sendgrid", "not_sent", "exhausted")}
    assert not Circuit.objects.exists()
    assert not CircuitChange.objects.exists()
    assert not ses.received


def test_it_is_sent_once_when_files_come_back(ses: fakes.FakeVendor) -> None:
    with no_way_out():
        email = send()
    Email.objects.update(due_at=Now() - timedelta(seconds=1))

    sent = rounds.dispatch(email.pk)

    assert sent is not None
    assert (sent.status, sent.provider, sent.possible_duplicate) == ("sent", "ses", False)
    assert len(ses.mails) == 1


def test_a_provider_that_has_a_connection_left_gets_it(ses: fakes.FakeVendor) -> None:
    send()
    with no_way_out():
        email = send()

    assert (email.status, len(ses.mails)) == ("sent", 2)


def test_the_probe_of_an_open_circuit_is_given_back(ses: fakes.FakeVendor) -> None:
    ripe = timezone.now() - timedelta(minutes=2)
    for name in ("ses", "sendgrid"):
        Circuit.objects.create(provider=name, state="open", trouble="failing", openings=1, retry_at=ripe)
    circuit_cache.forget()
    with no_way_out():
        assert send().status == "queued"
    given_back = Circuit.objects.get(provider="ses")
    assert (given_back.state, given_back.probe, given_back.openings) == ("open", None, 1)

    circuit_cache.forget()
    assert send().status == "sent"
    assert Circuit.objects.get(provider="ses").state == "closed"


def test_for_a_second_a_worker_takes_no_email_in_vain() -> None:
    with no_way_out():
        email = send()
    Email.objects.update(due_at=Now() - timedelta(seconds=1))
    assert not loop.may_begin(lambda: True)
    assert embedded.hand_over(threading.Event(), FairQueue()) == 0

    shortage.forget()
    assert embedded.hand_over(threading.Event(), FairQueue()) == 1
    email.refresh_from_db()
    assert email.status == "sent"
