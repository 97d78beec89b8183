"""Temporary files that outlived their process, and those that did not."""

import os
import tempfile
import time
from pathlib import Path

import pytest

from api import uploads
from delivery.files import storage
from providers.message import file_of_bytes


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def leave(file: Path, *, minutes: int) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.touch()
    then = time.time() - minutes * 60
    os.utime(file, (then, then))
    return file


def test_what_nobody_has_written_to_for_an_hour_is_deleted(temporary: Path, attachment_folder: Path) -> None:
    files = [
        leave(temporary / "gomail-upload-x", minutes=61),
        leave(attachment_folder / ".part-x", minutes=61),
    ]
    uploads.remove_partial_files()
    storage.remove_partial_files()
    assert not any(file.exists() for file in files)


def test_what_may_be_in_use_or_belongs_to_somebody_else_stays(
    temporary: Path, attachment_folder: Path
) -> None:
    files = [
        leave(temporary / "gomail-upload-x", minutes=59),
        leave(temporary / "another-program", minutes=600),
        leave(attachment_folder / ".part-x", minutes=59),
        leave(attachment_folder / "x", minutes=600),
    ]
    uploads.remove_partial_files()
    storage.remove_partial_files()
    assert all(file.exists() for file in files)


def test_a_folder_that_is_not_there_yet_is_no_error(attachment_folder: Path) -> None:
    storage.remove_partial_files()
    assert not attachment_folder.exists()


def test_an_upload_in_progress_and_stored_content_survive(temporary: Path, attachment_folder: Path) -> None:
    upload = uploads.Upload(field="a", filename="a", content_type="")
    sha256 = storage.keep(file_of_bytes(b"content", filename="a", content_type="text/plain"))
    stored = leave(attachment_folder / storage.path(sha256), minutes=6000)
    uploads.remove_partial_files()
    storage.remove_partial_files()
    assert (len(list(temporary.glob("gomail-upload-*"))), stored.exists()) == (1, True)
    upload.close()
