"""What becomes of emails whose process has gone, by what the journal knows and by what it does not."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from delivery import journal, process, recovery, worker
from delivery.journal import Entry
from delivery.models import Attempt, Email, Worker
from tests.delivery.test_emails import queued
from tests.delivery.test_journal import another_process, files

pytestmark = pytest.mark.django_db
NOW = timezone.now


def under_way(*, outcome: str = "started", provider: str = "ses", **fields: Any) -> Attempt:
    """Return the attempt of an email that some process is handing over."""
    given: dict[str, Any] = {"status": "sending", "due_at": None, "epoch": 1, "rounds": 1}
    email = queued(**{**given, "lease_until": NOW() + timedelta(minutes=1), "worker": uuid4(), **fields})
    return Attempt.objects.create(email=email, provider=provider, epoch=email.epoch, outcome=outcome)


def left_behind(folder: Path, attempt: Attempt, **answer: Any) -> None:
    """Let a process that has gone have written this answer down."""
    folder.mkdir(exist_ok=True)
    with another_process(folder):
        file = files(folder)[-1].rename(folder / f"{attempt.email.worker}-1.journal")
    with file.open("a") as lines:
        entry = Entry(attempt=str(attempt.pk), **answer)
        lines.write(journal.json.dumps(journal.asdict(entry)) + "\n")


def story(attempt: Attempt) -> tuple[str, str, str]:
    attempt.refresh_from_db()
    email = Email.objects.get(pk=attempt.email_id)
    return email.status, attempt.outcome, email.recipients.get().status


@pytest.mark.parametrize(
    ("answer", "becomes"),
    [
        ({"outcome": "accepted", "provider_message_id": "m-1"}, ("sent", "accepted", "accepted")),
        ({"outcome": "refused", "error": "refused", "detail": "bad"}, ("failed", "refused", "failed")),
        ({"outcome": "refused", "error": "cannot_carry"}, ("queued", "refused", "pending")),
        ({"outcome": "not_sent", "error": "unavailable"}, ("queued", "not_sent", "pending")),
        ({"outcome": "refused_temporarily", "error": "throttled"}, ("queued", "refused_temporarily", "pending")),
        ({"outcome": "unknown", "error": "unknown"}, ("unknown", "unknown", "unknown")),
    ],
)  # fmt: skip
def test_what_a_killed_process_knew_becomes_the_outcome(
    journal_folder: Path, answer: dict[str, Any], becomes: tuple[str, str, str]
) -> None:
    attempt = under_way()
    left_behind(journal_folder, attempt, **answer)

    recovery.settle()

    assert story(attempt) == becomes
    assert files(journal_folder) == []


def test_a_partial_acceptance_is_inherited_with_whom_it_leaves_out(journal_folder: Path) -> None:
    attempt = under_way()
    row = attempt.email.recipients.get()
    left_behind(journal_folder, attempt, outcome="accepted", refused={row.address: "no such box"})

    recovery.settle()

    row.refresh_from_db()
    assert (story(attempt)[0], row.status, row.reason) == ("partial", "rejected", "no such box")


def test_the_claims_of_a_process_that_is_known_to_have_gone_end_at_once(journal_folder: Path) -> None:
    attempt = under_way()
    left_behind(journal_folder, under_way(worker=attempt.email.worker), outcome="accepted")

    recovery.settle()

    assert story(attempt)[:2] == ("unknown", "unknown")
    assert Email.objects.get(pk=attempt.email_id).crashes == 1


def test_a_worker_that_is_known_to_have_gone_is_not_in_the_list_any_more(journal_folder: Path) -> None:
    attempt = under_way()
    Worker.objects.create(id=attempt.email.worker, host="here", pid=1, threads=1)
    left_behind(journal_folder, attempt, outcome="accepted")

    recovery.settle()

    assert not Worker.objects.exists()


def test_the_claims_of_a_process_that_lives_do_not_end(journal_folder: Path) -> None:
    attempt = under_way(worker=process.identity())
    with another_process(journal_folder):
        recovery.settle()

    assert story(attempt)[:2] == ("sending", "started")


def test_an_orphan_whose_answer_is_in_the_journal_of_a_living_process_is_not_in_doubt(
    journal_folder: Path,
) -> None:
    attempt = under_way(lease_until=NOW() - timedelta(seconds=1))
    journal.write(Entry(attempt=str(attempt.pk), outcome="accepted", provider_message_id="m-1"))

    recovery.settle()

    assert story(attempt) == ("sent", "accepted", "accepted")
    assert attempt.provider_message_id == "m-1"


def test_what_the_journal_knows_settles_an_email_that_was_given_up_as_unknown(journal_folder: Path) -> None:
    attempt = under_way(lease_until=NOW() - timedelta(seconds=1))
    recovery.settle()
    assert story(attempt)[0] == "unknown"

    left_behind(journal_folder, attempt, outcome="accepted")
    recovery.settle()

    assert story(attempt) == ("sent", "accepted", "accepted")


def test_a_persons_word_is_not_overwritten_by_the_journal(journal_folder: Path) -> None:
    attempt = under_way(outcome="not_sent")
    Attempt.objects.filter(pk=attempt.pk).update(settled_by="anna")
    left_behind(journal_folder, attempt, outcome="accepted")

    recovery.settle()

    assert story(attempt)[1] == "not_sent"


def test_an_answer_whose_attempt_is_not_in_the_database_is_no_trouble(journal_folder: Path) -> None:
    gone = under_way()
    left_behind(journal_folder, gone, outcome="accepted")
    Email.objects.all().delete()

    recovery.settle()

    assert files(journal_folder) == []


def test_a_process_that_had_offered_the_email_to_nobody_leaves_it_due_at_once() -> None:
    attempt = under_way(lease_until=NOW() - timedelta(seconds=1))
    attempt.delete()

    recovery.settle()

    email = Email.objects.get()
    assert (email.status, email.due_at <= NOW(), email.crashes) == ("queued", True, 1)


def test_the_worker_inherits_as_well(journal_folder: Path) -> None:
    attempt = under_way()
    left_behind(journal_folder, attempt, outcome="accepted")

    worker.settle()

    assert story(attempt)[0] == "sent"
