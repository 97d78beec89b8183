"""What the database could not be told is told when it is back."""

import threading
import time
from typing import Any

import pytest
from django.db import OperationalError, connection

from delivery.db import outages
from delivery.models import Email
from delivery.sending import rounds
from delivery.workers import loop
from tests import fakes
from tests.delivery.factories import queued

SOON = 120.0  # seconds, on the slowest machine


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
    monkeypatch.setattr(outages, "INSISTENCE", 0.0)
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


class TestWhatTheLogSays:
    """An outage is a line when it begins, one each minute, and one when it is over, however often it is met."""

    @pytest.fixture
    def clock(self, monkeypatch: Any) -> list[float]:
        """Seconds, as this process counts them."""
        now = [1000.0]
        monkeypatch.setattr(outages.time, "monotonic", lambda: now[0])
        return now

    def test_a_line_for_each_state(self, clock: list[float], caplog: Any) -> None:
        for _ in range(200):  # 100 s
            outages.report("emails wait", OperationalError("server closed it\nDETAIL: a row"))
            clock[0] += 0.5
        outages.works()  # by a thread that was not touched
        clock[0] += 3
        outages.works()
        outages.works()
        assert [record.getMessage() for record in caplog.records] == [
            "The database cannot be used: emails wait. OperationalError: server closed it",
            "The database is still away after 60 s; 121 failures: OperationalError: server closed it",
            "The database is back; it failed for 99.5 s, 200 times",
        ]

    def test_connections_that_are_found_broken_one_by_one_are_the_same_outage(
        self, clock: list[float], caplog: Any
    ) -> None:
        for _ in range(32):
            outages.report("emails wait", OperationalError("the connection is closed"))
            clock[0] += 0.5
            outages.works()
        assert len(caplog.records) == 1

    def test_a_guarded_step_tells_of_both_without_a_traceback(self, clock: list[float], caplog: Any) -> None:
        def away() -> None:
            raise OperationalError("away")

        for _ in range(3):
            loop.guarded(away, "Emails could not be handed over")
        clock[0] += 3
        loop.guarded(lambda: None, "Emails could not be handed over")
        assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
        assert not any(record.exc_info for record in caplog.records)

    @pytest.mark.django_db
    def test_requests_that_are_answered_503_are_not_a_line_each(self, api: fakes.Api, caplog: Any) -> None:
        def broken(*_: Any) -> None:
            raise OperationalError("away")

        with connection.execute_wrapper(broken):
            answers = [api.get("emails/").status_code for _ in range(3)]
        assert answers == [503, 503, 503]
        assert [record.name for record in caplog.records] == ["delivery.db.outages"]
