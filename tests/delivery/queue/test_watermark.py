"""A database that has gone back in time is noticed, by what this machine's journal and marks know of it."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from delivery import journal
from delivery.db import clock
from delivery.journal import Entry
from delivery.models import Attempt, Lineage, Watermark
from delivery.queue import watermark, watermark_notes
from tests.delivery.factories import journal_files, under_way

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_new_database_on_an_old_machine_is_no_restored_one(caplog: Any) -> None:
    watermark.look()
    journal.write(
        Entry(attempt=str(uuid4()), outcome="accepted", email=str(uuid4()), database=watermark.name())
    )
    watermark.look()
    Lineage.objects.all().delete()
    Watermark.objects.all().delete()
    watermark.forget()

    watermark.look()

    assert watermark.held_before() is None


def test_a_machine_that_sees_a_database_first_says_what_to_do_with_a_backup(
    settings: Any, tmp_path: Path, caplog: Any
) -> None:
    watermark.look()
    assert "has not seen this database before" not in caplog.text
    settings.GOMAIL_JOURNAL_DIR = str(tmp_path / "another")

    watermark.look()

    assert "has not seen this database before" in caplog.text
    assert watermark.held_before() is None


def test_an_attempt_that_retention_has_deleted_is_no_sign(settings: Any) -> None:
    settings.GOMAIL_KEEP_EMAILS_DAYS = 2
    watermark.look()
    old = clock.now() - timedelta(days=2)
    journal.write(Entry(attempt=str(uuid4()), outcome="accepted", email=str(uuid4()), at=old.isoformat()))

    watermark.look()

    assert watermark.held_before() is None


def test_lines_are_looked_up_once(journal_folder: Path, django_assert_max_num_queries: Any) -> None:
    attempt = under_way(outcome="accepted", status="sent")
    journal.write(Entry(attempt=str(attempt.pk), outcome="accepted", email=str(attempt.email_id)))
    watermark.look()
    Attempt.objects.all().delete()

    watermark.look()

    assert watermark.held_before() is None


def test_a_file_is_kept_for_a_while_and_deleted_when_it_was_held_against_the_database(
    journal_folder: Path, monkeypatch: Any
) -> None:
    attempt = under_way(outcome="accepted", status="sent")
    journal.release(journal.write(Entry(attempt=str(attempt.pk), outcome="accepted")))
    journal.close()
    assert (journal_files(journal_folder), len(list(journal_folder.glob("*.full")))) == ([], 1)

    watermark.look()
    assert len(list(journal_folder.glob("*.full"))) == 1

    monkeypatch.setattr(journal, "_MOST_DONE", 100)
    watermark.look()
    assert list(journal_folder.glob("*.full")) == []


def test_a_file_with_a_line_that_nobody_has_looked_at_is_not_deleted(
    journal_folder: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(journal, "_DONE_SECONDS", -1.0)
    journal.release(journal.write(Entry(attempt=str(uuid4()), outcome="accepted")))
    journal.close()

    journal.forget({})
    assert len(list(journal_folder.glob("*.full"))) == 1
    watermark.look()
    assert list(journal_folder.glob("*.full")) == []


def test_a_database_that_fails_while_it_is_asked_costs_no_line(
    journal_folder: Path, monkeypatch: Any
) -> None:
    journal.release(journal.write(Entry(attempt=str(uuid4()), outcome="accepted", email=str(uuid4()))))
    journal.close()
    monkeypatch.setattr(watermark, "_step", lambda *_, **__: 1 / 0)
    monkeypatch.setattr(watermark, "_hold", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        watermark.look()
    monkeypatch.undo()

    watermark.look()

    assert watermark.held_before()


def test_marks_are_written_whole_and_for_their_team_alone(journal_folder: Path) -> None:
    watermark.look()
    (mark,) = journal_folder.glob("*.mark")
    assert mark.stat().st_mode & 0o777 == 0o600
    assert watermark_notes.mark(watermark.current().name)


def test_a_damaged_mark_is_said_and_begun_anew(journal_folder: Path, caplog: Any) -> None:
    watermark.look()
    (mark,) = journal_folder.glob("*.mark")
    mark.write_text("{")

    watermark.look()

    assert "cannot be read" in caplog.text
    assert watermark_notes.mark(watermark.current().name)
