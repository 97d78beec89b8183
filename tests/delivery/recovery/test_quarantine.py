"""Emails that end whatever process has them: found for certain, and kept from all processes then."""

import signal
import sys
from datetime import timedelta
from typing import Any
from unittest.mock import Mock
from uuid import UUID

import pytest
from django.db import OperationalError
from django.utils import timezone

from delivery import process
from delivery.models import Attempt, Email
from delivery.queue import claims
from delivery.queue.fairness import FairQueue
from delivery.recovery import quarantine, rescue
from delivery.sending import rounds
from tests import fakes
from tests.delivery.factories import queued

pytestmark = pytest.mark.django_db


def claim_as_its_process(command: list[str]) -> Email:
    """Claim a suspect as the process would that this command starts."""
    suspect = Email.objects.due().suspected().first()
    assert suspect
    claimed = claims.take_suspect(suspect.pk)
    assert claimed
    Email.objects.filter(pk=suspect.pk).update(worker=UUID(command[-1].removeprefix("--as=")))
    return claimed.email


def ends(monkeypatch: Any, returncode: int, *, before: Any = None) -> None:
    """Let the process that has a suspect alone claim it, and end like this."""

    def run(command: list[str]) -> int:
        email = claim_as_its_process(command)
        if before:
            before(email)
        return returncode

    monkeypatch.setattr(quarantine, "_run", run)


def test_a_suspect_is_not_given_to_a_process_that_has_others() -> None:
    suspect = queued(crashes=2)

    assert FairQueue().take(["high", "normal"]) is None
    assert rounds.dispatch(suspect.pk) is None


def test_an_email_that_was_there_once_is_given_out_as_before() -> None:
    email = queued(crashes=1)
    assert FairQueue().take(["normal"]) == email.pk


def test_a_suspect_that_ends_its_process_alone_is_quarantined(monkeypatch: Any) -> None:
    email = queued(crashes=2)
    ends(monkeypatch, -signal.SIGKILL)

    quarantine.try_some()

    email.refresh_from_db()
    assert (email.status, email.recipients.get().status, email.due_at) == ("quarantined", "failed", None)
    assert "three times" in email.reason


def test_a_suspect_that_another_process_frees_before_the_sentence_is_quarantined(monkeypatch: Any) -> None:
    email = queued(crashes=2)

    def free(claimed: Email) -> None:
        Email.objects.filter(pk=claimed.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        rescue.recover(Email.objects.get(pk=claimed.pk), {})

    ends(monkeypatch, -signal.SIGKILL, before=free)
    quarantine.try_some()

    email.refresh_from_db()
    assert (email.status, email.crashes, email.due_at) == ("quarantined", 3, None)


def test_a_quarantined_email_that_may_have_been_sent_says_so(monkeypatch: Any) -> None:
    email = queued(crashes=2)

    def begin(claimed: Email) -> None:
        Attempt.objects.create(email=claimed, provider="ses", epoch=claimed.epoch)

    ends(monkeypatch, -signal.SIGSEGV, before=begin)
    quarantine.try_some()

    email.refresh_from_db()
    assert (email.status, email.recipients.get().status) == ("quarantined", "unknown")
    assert email.attempts.get().outcome == "unknown"


def test_one_after_the_other_is_tried_though_each_ends_its_process(monkeypatch: Any) -> None:
    for _ in range(3):
        queued(crashes=2)
    ends(monkeypatch, -signal.SIGKILL)

    quarantine.try_some()

    assert set(Email.objects.values_list("status", flat=True)) == {"quarantined"}


def test_a_defect_that_shows_whenever_an_email_is_handed_over_is_no_better(monkeypatch: Any) -> None:
    email = queued(crashes=2)
    monkeypatch.setattr(rounds, "dispatch_suspect", fail)
    with pytest.raises(SystemExit) as ended:
        quarantine.try_all()

    ends(monkeypatch, ended.value.code)
    quarantine.try_some()
    email.refresh_from_db()
    assert email.status == "quarantined"


def test_a_database_that_is_away_speaks_against_no_email(monkeypatch: Any) -> None:
    queued(crashes=2)
    monkeypatch.setattr(rounds, "dispatch_suspect", Mock(side_effect=OperationalError))
    with pytest.raises(OperationalError):
        quarantine.try_all()


def fail(pk: UUID) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize("returncode", [0, 1, -signal.SIGTERM])
def test_a_suspect_whose_process_ends_otherwise_is_not_quarantined(monkeypatch: Any, returncode: int) -> None:
    email = queued(crashes=2)
    ends(monkeypatch, returncode)

    quarantine.try_some()

    email.refresh_from_db()
    assert email.status == "sending"


def test_a_process_that_was_killed_before_it_had_the_suspect_proves_nothing(monkeypatch: Any) -> None:
    email = queued(crashes=2)
    monkeypatch.setattr(quarantine, "_run", lambda _: -signal.SIGKILL)

    quarantine.try_some()

    email.refresh_from_db()
    assert email.status == "queued"


def test_an_email_that_another_machines_process_has_is_not_condemned_for_the_death_of_ours(
    monkeypatch: Any,
) -> None:
    email = queued(crashes=2)

    def run(_: list[str]) -> int:
        theirs = claims.take_suspect(email.pk)
        assert theirs
        Attempt.objects.create(email=email, provider="ses", epoch=theirs.email.epoch)
        return -signal.SIGKILL

    monkeypatch.setattr(quarantine, "_run", run)
    quarantine.try_some()

    email.refresh_from_db()
    assert (email.status, email.attempts.get().outcome) == ("sending", "started")


def test_no_further_suspect_is_tried_by_a_worker_that_is_to_stop(monkeypatch: Any) -> None:
    queued(crashes=2)
    monkeypatch.setattr(quarantine, "_run", lambda _: pytest.fail("one was tried"))
    monkeypatch.setattr(process, "is_ending", lambda: True)
    quarantine.try_some()


def test_a_suspect_that_hangs_alone_is_quarantined(monkeypatch: Any) -> None:
    email = queued(crashes=2)
    run = quarantine._run

    def hang(command: list[str]) -> int:
        claim_as_its_process(command)
        return run([sys.executable, "-c", "import time; time.sleep(60)"])

    monkeypatch.setattr(quarantine, "_PATIENCE", 0.2)
    monkeypatch.setattr(quarantine, "_POLL_SECONDS", 0.1)
    monkeypatch.setattr(quarantine, "_run", hang)
    quarantine.try_some()

    email.refresh_from_db()
    assert email.status == "quarantined"


def test_an_innocent_suspect_is_sent(providers: None, ses: fakes.FakeVendor) -> None:
    email = queued(crashes=2)

    quarantine.try_all()

    email.refresh_from_db()
    assert (email.status, email.crashes, len(ses.mails)) == ("sent", 0, 1)


def test_an_innocent_one_that_nobody_takes_is_no_suspect_any_more(
    providers: None, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    email = queued(crashes=2)
    ses.default, sendgrid.default = fakes.SES_FAILING, fakes.SENDGRID_DOWN

    quarantine.try_all()

    email.refresh_from_db()
    assert (email.status, email.crashes) == ("queued", 0)


def test_only_a_suspect_is_dispatched_as_one() -> None:
    assert rounds.dispatch_suspect(queued().pk) is None
