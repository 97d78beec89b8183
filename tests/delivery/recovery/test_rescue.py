"""What becomes of emails whose process has gone, by what the journal knows and by what it does not."""

import errno
import json
import os
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from delivery import journal
from delivery.journal import Entry
from delivery.models import Attempt, Email, Worker
from delivery.queue import heartbeats
from delivery.recovery import rescue
from delivery.sending import outcomes, replay, transitions, unknown
from delivery.workers import loop
from tests.delivery.factories import another_process, journal_files, left_behind, under_way

pytestmark = pytest.mark.django_db
NOW = timezone.now


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

    rescue.run()

    assert story(attempt) == becomes
    assert journal_files(journal_folder) == []


@pytest.mark.parametrize("error", ["refused", "unavailable", "unknown"])
@pytest.mark.parametrize("reason", ["Nobody answered.", ""], ids=["said", "of an earlier version"])
def test_the_reason_is_in_words_and_the_exception_stays_with_the_attempt(
    journal_folder: Path, error: str, reason: str
) -> None:
    attempt, detail = under_way(), "Nobody answered. ReadTimeoutError: timed out"
    outcome = {"unavailable": "not_sent"}.get(error, error)
    left_behind(journal_folder, attempt, outcome=outcome, error=error, detail=detail, reason=reason)

    rescue.run()

    attempt.refresh_from_db()
    assert (attempt.detail, Email.objects.get().reason) == (detail, reason or detail)


def test_a_line_of_the_version_before_is_read(journal_folder: Path) -> None:
    attempt = under_way()
    left_behind(journal_folder, attempt, outcome="refused", error="refused", detail="bad")
    (file,) = journal_folder.glob("*-1.journal")
    said = json.loads(file.read_text())
    file.write_text(json.dumps({name: value for name, value in said.items() if name != "reason"}) + "\n")

    rescue.run()

    assert Email.objects.get().reason == "bad"


def test_a_partial_acceptance_is_inherited_with_whom_it_leaves_out(journal_folder: Path) -> None:
    attempt = under_way()
    row = attempt.email.recipients.get()
    left_behind(journal_folder, attempt, outcome="accepted", refused={row.address: "no such box"})

    rescue.run()

    row.refresh_from_db()
    assert (story(attempt)[0], row.status, row.reason) == ("partial", "rejected", "no such box")


def test_the_claims_of_a_process_that_is_known_to_have_gone_end_at_once(journal_folder: Path) -> None:
    attempt = under_way()
    left_behind(journal_folder, under_way(worker=attempt.email.worker), outcome="accepted")

    rescue.run()

    assert story(attempt)[:2] == ("unknown", "unknown")
    assert Email.objects.get(pk=attempt.email_id).crashes == 1


def test_a_worker_that_is_known_to_have_gone_does_not_run_any_more(journal_folder: Path) -> None:
    attempt = under_way()
    Worker.objects.create(id=attempt.email.worker, host="here", pid=1, threads=1)
    left_behind(journal_folder, attempt, outcome="accepted")

    rescue.run()

    assert not heartbeats.running().exists()
    assert Worker.objects.exists()  # it is missed: after a minute people are told


def test_the_claims_of_a_process_that_lives_do_not_end(journal_folder: Path) -> None:
    with another_process(journal_folder):
        (file,) = journal_files(journal_folder)
        attempt = under_way(worker=UUID(file.name[:36]))
        rescue.run()

    assert story(attempt)[:2] == ("sending", "started")


def test_an_orphan_whose_answer_is_in_the_journal_of_a_living_process_is_not_in_doubt(
    journal_folder: Path,
) -> None:
    attempt = under_way(lease_until=NOW() - timedelta(seconds=1))
    journal.write(Entry(attempt=str(attempt.pk), outcome="accepted", provider_message_id="m-1"))

    rescue.run()

    assert story(attempt) == ("sent", "accepted", "accepted")
    assert attempt.provider_message_id == "m-1"


def test_what_the_journal_knows_settles_an_email_that_was_given_up_as_unknown(journal_folder: Path) -> None:
    attempt = under_way(lease_until=NOW() - timedelta(seconds=1))
    rescue.run()
    assert story(attempt)[0] == "unknown"

    left_behind(journal_folder, attempt, outcome="accepted")
    rescue.run()

    assert story(attempt) == ("sent", "accepted", "accepted")


def test_a_persons_word_is_not_overwritten_by_the_journal(journal_folder: Path) -> None:
    attempt = under_way(outcome="not_sent")
    Attempt.objects.filter(pk=attempt.pk).update(settled_by="anna")
    left_behind(journal_folder, attempt, outcome="accepted")

    rescue.run()

    assert story(attempt)[1] == "not_sent"


def test_an_answer_whose_attempt_is_not_in_the_database_is_no_trouble(journal_folder: Path) -> None:
    gone = under_way()
    left_behind(journal_folder, gone, outcome="accepted")
    Email.objects.all().delete()

    rescue.run()

    assert journal_files(journal_folder) == []


def test_a_process_that_had_offered_the_email_to_nobody_leaves_it_due_at_once() -> None:
    attempt = under_way(lease_until=NOW() - timedelta(seconds=1))
    attempt.delete()

    rescue.run()

    email = Email.objects.get()
    assert (email.status, email.due_at <= NOW(), email.crashes) == ("queued", True, 1)


def test_the_worker_inherits_as_well(journal_folder: Path) -> None:
    attempt = under_way()
    left_behind(journal_folder, attempt, outcome="accepted")

    loop.clean_up()

    assert story(attempt)[0] == "sent"


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_file_that_cannot_be_opened_stands_in_nobodys_way(
    journal_folder: Path, monkeypatch: Any, number: int
) -> None:
    left_behind(journal_folder, under_way(), outcome="accepted")
    orphan = under_way(lease_until=NOW() - timedelta(seconds=1))
    refuse_to_open_journals(monkeypatch, number)

    rescue.run()

    assert story(orphan)[0] == "unknown"


def refuse_to_open_journals(monkeypatch: Any, number: int) -> None:
    real = os.open

    def refuse(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if str(path).endswith(".journal") and flags & os.O_RDWR:
            raise OSError(number, os.strerror(number))
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)


def test_a_line_that_cannot_be_applied_stands_in_nobodys_way(journal_folder: Path) -> None:
    left_behind(journal_folder, under_way(), outcome="accepted")
    with journal_files(journal_folder)[0].open("a") as file:
        file.write('{"attempt":"no id of ours","outcome":"accepted"}\n')
    orphan = under_way(lease_until=NOW() - timedelta(seconds=1))

    rescue.run()

    assert story(orphan)[0] == "unknown"
    assert len(journal_files(journal_folder)) == 1  # what it says is not lost


def test_a_late_refusal_of_a_second_copy_says_nothing_of_the_first(journal_folder: Path) -> None:
    second = under_way(epoch=2, possible_duplicate=True, lease_until=NOW() - timedelta(seconds=1))
    Attempt.objects.create(email=second.email, provider="ses", epoch=1, outcome="unknown")
    rescue.run()  # on a machine without the journal
    assert story(second)[0] == "unknown"

    left_behind(journal_folder, second, outcome="refused", error="refused", detail="bad")
    rescue.run()

    assert story(second) == ("unknown", "refused", "unknown")
    assert Email.objects.get().due_at is None


@pytest.mark.django_db(transaction=True)
def test_an_acceptance_that_comes_while_a_second_copy_is_judged_is_heard(monkeypatch: Any) -> None:
    second = under_way(epoch=2, possible_duplicate=True)
    first = Attempt.objects.create(email=second.email, provider="ses", epoch=1, outcome="unknown")
    told = Entry(attempt=str(first.pk), outcome="accepted")
    thread = threading.Thread(target=lambda: (replay.apply(told), connection.close()))
    real = unknown.accepted_after_all

    def looked(email: Email) -> Attempt | None:
        found = real(email)
        thread.start()
        thread.join(1)  # it must wait for us, not we for it
        return found

    monkeypatch.setattr(unknown, "accepted_after_all", looked)
    second.outcome = "not_sent"
    transitions.record(second.email, outcomes.wait("down", rounds=1), second)
    thread.join()

    assert story(first)[0] == "sent"


def test_an_email_whose_answer_was_left_behind_was_there_when_the_process_ended(journal_folder: Path) -> None:
    left_behind(journal_folder, under_way(), outcome="not_sent", error="unavailable")
    rescue.run()

    assert Email.objects.get().crashes == 1


def test_what_the_database_knows_is_looked_up_all_at_once(
    journal_folder: Path, django_assert_max_num_queries: Any
) -> None:
    known = under_way(outcome="accepted", status="sent")
    left_behind(journal_folder, known, outcome="accepted")
    with journal_files(journal_folder)[0].open("r+") as file:
        line = file.read()
        file.write(line * 400)

    with django_assert_max_num_queries(4):  # two chunks, and the claims of emails and of mailings
        rescue.inherit()
