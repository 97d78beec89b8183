"""Stored files and the rows that name them: what is missing is named, what is left over goes, what is wanted stays."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage

from delivery.files import storage
from delivery.models import Attachment, Email
from delivery.retention import unused_files
from delivery.submission import emails
from providers.message import Attachment as File
from tests.delivery.doctor.runs import doctor, found, working, wrong
from tests.delivery.factories import a_file, aged, draft, left, stored

pytestmark = pytest.mark.django_db
DAY = 24 * 60  # minutes


@pytest.fixture(autouse=True)
def _working(db: None) -> None:
    working()


def email_with(*files: File) -> Email:
    return emails.accept(draft(attachments=files), team=None)


def test_stored_attachments_are_well(attachment_folder: Path) -> None:
    email_with(a_file(b"one"), a_file(b"two"))
    for file in left(attachment_folder):
        aged(file, minutes=2 * DAY)
    assert wrong("--deep") == []


def test_a_file_that_is_missing_is_named_with_its_email(attachment_folder: Path) -> None:
    email = email_with(a_file())
    left(attachment_folder)[0].unlink()

    assert wrong("--repair") == ["attachments"]
    assert found()["attachments"]["examples"] == [str(email.pk)]


def test_a_file_of_another_size_is_named(attachment_folder: Path) -> None:
    email_with(a_file())
    left(attachment_folder)[0].write_bytes(b"cut")
    assert wrong() == ["attachments"]


def test_a_file_of_another_content_is_named_by_a_deep_look(attachment_folder: Path) -> None:
    email_with(a_file())
    left(attachment_folder)[0].write_bytes(b"CONTENT")
    assert (wrong(), wrong("--deep")) == ([], ["attachments"])


def test_every_email_that_shares_the_missing_content_is_counted(attachment_folder: Path) -> None:
    email_with(a_file())
    email_with(a_file())
    left(attachment_folder)[0].unlink()
    assert found()["attachments"]["count"] == 2


def test_a_row_that_goes_while_its_file_is_looked_for_is_no_trouble(
    attachment_folder: Path, monkeypatch: Any
) -> None:
    email_with(a_file())
    left(attachment_folder)[0].unlink()

    def look(row: Any) -> bool:
        Attachment.objects.all().delete()
        return False

    monkeypatch.setattr("delivery.doctor.has_its_size", look)
    assert wrong() == []


def test_a_file_that_no_email_names_is_named_and_deleted_after_a_day(attachment_folder: Path) -> None:
    young = aged(stored(attachment_folder, a_file(b"young")), minutes=DAY - 1)
    old = aged(stored(attachment_folder, a_file(b"old")), minutes=DAY + 1)
    half = aged(stored(attachment_folder, a_file(b"x")), minutes=61).rename(attachment_folder / ".part-x")
    named = email_with(a_file(b"named"))
    for file in left(attachment_folder):
        if file.name == named.attachments.get().sha256:
            aged(file, minutes=2 * DAY)

    assert sorted(found()["unused_files"]["examples"]) == sorted([old.name, half.name])
    assert doctor("--repair")[0] == 0
    assert len(left(attachment_folder)) == 2
    assert young.exists()
    assert wrong() == []


def test_a_file_that_an_accept_is_about_to_name_is_not_deleted(attachment_folder: Path) -> None:
    file = aged(stored(attachment_folder, a_file()), minutes=2 * DAY)
    stored(attachment_folder, a_file())  # an accept finds it there, and has not written its row yet
    doctor("--repair")
    assert file.read_bytes() == b"content"


def test_a_file_that_an_accept_wants_at_the_very_moment_is_put_back(
    attachment_folder: Path, monkeypatch: Any
) -> None:
    file = aged(stored(attachment_folder, a_file()), minutes=2 * DAY)
    (unwanted,) = unused_files.unwanted()
    stored(attachment_folder, a_file())

    assert not unused_files.delete(unwanted)
    assert left(attachment_folder) == [file]


def test_a_file_that_an_accept_wants_while_it_goes_is_written_anew(
    attachment_folder: Path, monkeypatch: Any
) -> None:
    file, real = aged(stored(attachment_folder, a_file()), minutes=2 * DAY), Path.unlink

    def unlink(self: Path, **options: Any) -> None:
        stored(attachment_folder, a_file())
        real(self, **options)

    monkeypatch.setattr(Path, "unlink", unlink)
    assert unused_files.delete(file)
    assert file.read_bytes() == b"content"


def test_what_a_killed_process_was_about_to_delete_is_put_back_if_it_is_wanted(
    attachment_folder: Path,
) -> None:
    email_with(a_file())
    (file,) = left(attachment_folder)
    doomed = aged(file, minutes=2 * DAY).rename(file.with_name(f"{file.name}.doomed"))
    list(unused_files.unwanted())

    assert (file.exists(), doomed.exists(), wrong()) == (True, False, [])


def test_what_a_killed_process_was_about_to_delete_goes_if_it_is_not(attachment_folder: Path) -> None:
    file = aged(stored(attachment_folder, a_file()), minutes=2 * DAY)
    file.rename(file.with_name(f"{file.name}.doomed"))
    doctor("--repair")
    assert left(attachment_folder) == []


def test_another_users_file_is_replaced_by_one_of_ours(attachment_folder: Path, monkeypatch: Any) -> None:
    file = stored(attachment_folder, a_file())
    monkeypatch.setattr(storage.os, "utime", refuse)
    before = file.stat().st_ino
    stored(attachment_folder, a_file())
    assert file.stat().st_ino != before


def refuse(*_: Any) -> None:
    raise PermissionError


def test_many_files_are_asked_for_in_few_statements(
    attachment_folder: Path, monkeypatch: Any, django_assert_num_queries: Any
) -> None:
    for number in range(20):
        aged(stored(attachment_folder, a_file(str(number).encode())), minutes=2 * DAY)
    monkeypatch.setattr(unused_files, "_AT_ONCE", 10)
    with django_assert_num_queries(2):
        assert len(list(unused_files.unwanted())) == 20


def test_a_storage_of_another_kind_keeps_what_is_left_over(settings: Any, tmp_path: Path) -> None:
    elsewhere = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": tmp_path / "x"},
    }
    settings.STORAGES = {**settings.STORAGES, "attachments": elsewhere}
    aged(stored(tmp_path / "x", a_file()), minutes=2 * DAY)

    assert type(storage.attachments()) is FileSystemStorage
    assert (wrong("--repair"), len(left(tmp_path / "x"))) == ([], 1)
