"""What the database could not be told is told when it is back."""

import threading
import time
from typing import Any

import pytest
from django.db import OperationalError

from delivery.db import outages
from delivery.models import Email
from delivery.sending import rounds
from tests import fakes
from tests.delivery.factories import queued

SOON = 30.0  # seconds


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: Any) -> None:
    monkeypatch.setattr(outages, "_BACKGROUND_PAUSE", 0.01)


def test_what_fails_is_done_again_until_it_is_done() -> None:
    done, failures = threading.Event(), [OperationalError("away"), OperationalError("away")]

    def tell() -> None:
        if failures:
            raise failures.pop()
        done.set()

    outages.until_done(tell)
    assert done.wait(SOON)


def test_a_defect_is_told_and_holds_up_nothing(caplog: Any) -> None:
    done = threading.Event()
    outages.until_done(lambda: 1 // 0)
    outages.until_done(done.set)

    assert done.wait(SOON)
    assert "failed and is given up" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_the_database_was_away_for_is_written_by_the_process_that_got_it(
    providers: None, ses: fakes.FakeVendor, monkeypatch: Any
) -> None:
    email, back = queued(), threading.Event()
    real = rounds.transitions.record

    def away(*_: Any) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(rounds.transitions, "record", away)
    monkeypatch.setattr(outages, "_INSISTENCE", 0.0)
    monkeypatch.setattr(outages, "_BACKGROUND_PAUSE", 0.2)
    rounds.dispatch(email.pk)
    email.refresh_from_db()
    assert email.status == "sending"

    monkeypatch.setattr(rounds.transitions, "record", lambda *told: (real(*told), back.set()))
    assert back.wait(SOON)
    while outages._retries._pending:
        time.sleep(0.01)

    email.refresh_from_db()
    assert (email.status, email.attempts.get().outcome, Email.objects.count()) == ("sent", "accepted", 1)
