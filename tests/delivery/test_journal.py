"""The journal: what a process that ended in the middle knew is not lost, and who has gone is known at once."""

import errno
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from delivery import journal
from delivery.files import locked
from delivery.journal import Entry
from tests.delivery.factories import another_process, journal_files


def entry(**fields: Any) -> Entry:
    return Entry(**{"attempt": str(uuid4()), "outcome": "accepted", **fields})


def test_an_answer_is_there_for_others_as_soon_as_it_is_written() -> None:
    written = entry(provider_message_id="m-1", refused={"ann@example.org": "unknown"}, latency_ms=7)
    journal.write(written)

    assert journal.known() == {written.attempt: written}


def test_an_answer_is_on_disk_when_it_is_written(monkeypatch: Any) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", lambda handle: synced.append(os.fstat(handle).st_size))
    journal.write(entry())
    journal.write(entry())

    assert len(synced) == 2
    assert synced[0] < synced[1]


def test_a_process_that_ends_in_order_leaves_nothing(journal_folder: Path) -> None:
    journal.release(journal.write(entry()))
    journal.close()

    assert journal_files(journal_folder) == []


def test_a_file_of_which_an_entry_is_owed_stays(journal_folder: Path) -> None:
    journal.write(entry())
    journal.release(journal.write(entry()))
    journal.close()

    assert len(journal_files(journal_folder)) == 1


def test_a_full_file_is_followed_by_a_new_one_and_goes_when_nothing_of_it_is_owed(
    journal_folder: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(journal, "_LARGE", 10)
    first = journal.write(entry())
    second = journal.write(entry())
    assert len(journal_files(journal_folder)) == 2

    journal.release(first)
    assert len(journal_files(journal_folder)) == 1
    journal.release(second)  # the one being written stays
    assert len(journal_files(journal_folder)) == 1


def test_threads_that_write_at_once_lose_no_line() -> None:
    with ThreadPoolExecutor(16) as pool:
        written = [found.attempt for found in pool.map(write_one, range(200))]

    assert sorted(journal.known()) == sorted(written)


def write_one(_: int) -> Entry:
    one = entry()
    journal.release(journal.write(one))
    return one


def test_a_line_that_was_cut_off_says_nothing_and_hides_no_other(journal_folder: Path) -> None:
    first = entry()
    journal.write(first)
    with journal_files(journal_folder)[0].open("ab") as file:
        file.write(b'{"attempt":"half')

    assert list(journal.known()) == [first.attempt]


def test_a_disk_that_fails_costs_a_line_and_nothing_else(monkeypatch: Any, caplog: Any) -> None:
    real = os.write
    journal.write(entry())
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, data[:9]))
    assert journal.write(entry()) is None
    assert "could not be written to the journal" in caplog.text

    monkeypatch.undo()
    after = entry()
    journal.write(after)
    assert after.attempt in journal.known()


def test_a_folder_that_cannot_be_used_stops_nobody(settings: Any, monkeypatch: Any, caplog: Any) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr(Path, "mkdir", refuse)
    journal.begin()

    assert journal.write(entry()) is None
    assert "The journal cannot be written" in caplog.text


def test_a_process_that_lives_has_left_nothing(journal_folder: Path) -> None:
    with another_process(journal_folder, entries=1):
        assert journal.abandoned() == []


def test_a_stopped_process_lives(journal_folder: Path) -> None:
    with another_process(journal_folder) as pid:
        os.kill(pid, signal.SIGSTOP)
        assert journal.abandoned() == []


def test_what_a_killed_process_knew_is_inherited_once(journal_folder: Path) -> None:
    with another_process(journal_folder, entries=3):
        (file,) = journal_files(journal_folder)

    assert journal.abandoned() == [file]
    with journal.inherited(file) as left:
        assert left
        assert [one.attempt for one in left.entries] == ["0", "1", "2"]
        assert str(left.worker) == file.name[:36]
        assert journal.abandoned() == []  # for others, while this one sees to it
    assert journal_files(journal_folder) == []


def test_a_file_of_somebody_elses_is_left_alone(journal_folder: Path) -> None:
    journal_folder.mkdir()
    (journal_folder / "notes.journal").write_text("{}")
    assert (journal.abandoned(), journal.known()) == ([], {})


def test_an_heir_that_fails_leaves_it_to_another(journal_folder: Path) -> None:
    with another_process(journal_folder, entries=1):
        (file,) = journal_files(journal_folder)

    with pytest.raises(ZeroDivisionError), journal.inherited(file):
        raise ZeroDivisionError
    assert journal.abandoned() == [file]


def test_a_file_that_its_writer_has_deleted_is_no_sign_that_the_writer_has_gone(journal_folder: Path) -> None:
    journal.begin()
    (file,) = journal_files(journal_folder)
    handle = os.open(file, os.O_RDWR)
    journal.close()
    try:
        assert locked._try_lock(handle)
        assert not locked._is(handle, file)
    finally:
        os.close(handle)


def test_a_forked_process_has_a_file_of_its_own_and_does_not_hold_the_others(journal_folder: Path) -> None:
    code = f"""
import os, sys, time
from django.conf import settings
settings.configure(GOMAIL_JOURNAL_DIR={str(journal_folder)!r})
from delivery import journal
from delivery.files import locked
journal.begin()
first = os.getpid()
if os.fork():
    os._exit(0)  # the first one ends without order
while os.getppid() == first:
    time.sleep(0.01)
journal.begin()
print("ready", flush=True)
sys.stdin.read()
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with child:
        assert child.stdout
        child.stdout.readline()
        assert len(journal_files(journal_folder)) == 2
        assert len(journal.abandoned()) == 1


def test_many_threads_share_a_sync(monkeypatch: Any) -> None:
    syncs, real = [], os.fdatasync
    slow = threading.Event()
    monkeypatch.setattr(os, "fdatasync", lambda handle: (syncs.append(handle), slow.wait(0.05), real(handle)))
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write_one, range(64)))

    assert len(syncs) < 64


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_folder_without_locks_costs_no_open_files(journal_folder: Path, monkeypatch: Any) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "no locks here")

    monkeypatch.setattr(locked.fcntl, "flock", refuse)
    before = open_files()
    for _ in range(20):
        assert journal.write(entry()) is None

    assert open_files() == before
    assert list(journal_folder.iterdir()) == []


def test_a_file_whose_sync_has_failed_is_trusted_no_more(journal_folder: Path, monkeypatch: Any) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "no disk")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", fail)
        assert journal.write(entry()) is None
    (first,) = journal_files(journal_folder)
    journal.release(journal.write(entry()))

    assert first not in journal_files(journal_folder)
    journal.close()
    assert journal_files(journal_folder) == []


def test_a_forked_process_does_not_hold_an_older_file_of_which_an_entry_is_owed(journal_folder: Path) -> None:
    code = f"""
import os, sys, time
from django.conf import settings
settings.configure(GOMAIL_JOURNAL_DIR={str(journal_folder)!r})
from delivery import journal
from delivery.files import locked
journal._LARGE = 10
for name in "12":
    journal.write(journal.Entry(attempt=name, outcome="accepted"))
first = os.getpid()
if os.fork():
    os._exit(0)  # the first one ends without order
while os.getppid() == first:
    time.sleep(0.01)
print("ready", flush=True)
sys.stdin.read()
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with child:
        assert child.stdout
        child.stdout.readline()
        assert len(journal.abandoned()) == 2
