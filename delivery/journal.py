"""What providers answered, in a file of this machine, on disk before the database is told.

A process that ends between a provider's answer and our transaction leaves a line here, and no doubt. Each process
writes files of its own, and holds a lock on each that the system takes away when the process ends, however it ends:
who gets the lock knows that the writer is gone.
"""

import errno
import fcntl
import json
import logging
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from uuid import UUID

from django.conf import settings

from delivery import process

_LARGE = 1024 * 1024  # bytes, after which a new file is begun
_ENDING = ".journal"
_NAME = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-\d+")  # whose, and which of his
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What one attempt came to."""

    attempt: str  # its id
    outcome: str
    provider_message_id: str = ""
    error: str = ""
    code: str = ""
    detail: str = ""
    latency_ms: int | None = None
    refused: Mapping[str, str] = field(default_factory=dict)  # recipients it did not take: reasons


@dataclass(frozen=True, kw_only=True)
class Left:
    """What a process that has gone left behind."""

    worker: UUID
    entries: list[Entry]


class _File:
    """One file being written. Many threads share one sync to disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.owed = 0  # entries that the database does not have yet
        self.size = 0
        self._synced = 0
        self._syncing = threading.Lock()
        unnamed = path.with_suffix(".new")  # nobody takes it for abandoned before it is locked
        self._handle = os.open(unnamed, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        unnamed.rename(path)
        _sync_directory(path.parent)

    def append(self, line: bytes) -> int:
        """Write a line, and return what must be synced for it; the caller lets one thread in at a time."""
        if os.write(self._handle, line) < len(line):
            raise OSError(errno.ENOSPC, "the journal's disk is full")
        self.size += len(line)
        return self.size

    def sync(self, position: int) -> None:
        """Return when everything up to there is on disk, by this thread's sync or by another's."""
        with self._syncing:
            if self._synced < position:
                reached = self.size
                os.fdatasync(self._handle)
                self._synced = reached

    def discard(self) -> None:
        """Delete the file: nobody is owed anything. Only then is its lock given up."""
        self.path.unlink(missing_ok=True)
        os.close(self._handle)

    def leave(self) -> None:
        """Let go of a file that this process has inherited from the one that it was forked from."""
        os.close(self._handle)


class _Writer:
    """The files of this process: the one being written, and older ones of which an entry is still owed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._file: _File | None = None

    def open(self) -> _File:
        """Return the file to write to, locked."""
        with self._lock:
            return self._current()

    def write(self, line: bytes) -> _File:
        with self._lock:
            file = self._current()
            try:
                position = file.append(line)
            except OSError:
                file.size = _LARGE + 1  # half a line may stand there: the next one goes to a new file
                raise
            file.owed += 1
        file.sync(position)
        return file

    def settle(self, file: _File) -> None:
        with self._lock:
            file.owed -= 1
            if not file.owed and file is not self._file:
                file.discard()

    def close(self) -> None:
        with self._lock:
            file, self._file = self._file, None
            if file and not file.owed:
                file.discard()

    def begin_anew(self) -> None:
        """Be the writer of a process that has just been forked; nobody else runs in it yet."""
        inherited, self._file, self._lock = self._file, None, threading.Lock()
        if inherited:
            inherited.leave()

    def _current(self) -> _File:
        if self._file is None:
            self._file = self._new()
        elif self._file.size > _LARGE:
            full, self._file = self._file, self._new()
            if not full.owed:
                full.discard()
        return self._file

    def _new(self) -> _File:
        folder = Path(settings.GOMAIL_JOURNAL_DIR)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._number += 1
        return _File(folder / f"{process.identity()}-{self._number}{_ENDING}")


_writer = _Writer()
os.register_at_fork(after_in_child=_writer.begin_anew)
Owed = _File | None  # what `settle` is told when the database has an entry


def begin() -> None:
    """Take the lock by which others know that this process lives; without a journal its claims end by their leases."""
    try:
        _writer.open()
    except OSError:
        log.exception("The journal cannot be written; a crash may leave emails in doubt that were answered")


def write(entry: Entry) -> Owed:
    """Put an answer on disk, and return what is to be settled later.

    A disk that fails must not undo what a provider has done: that is logged.
    """
    try:
        return _writer.write(json.dumps(asdict(entry), separators=(",", ":")).encode() + b"\n")
    except OSError:
        log.exception("What became of attempt %s could not be written to the journal", entry.attempt)
        return None


def settle(owed: Owed) -> None:
    """Say that the database has an entry."""
    if owed:
        _writer.settle(owed)


def close() -> None:
    """End in order: delete this process's file, unless the database lacks something that stands in it."""
    _writer.close()


def known() -> dict[str, Entry]:
    """Return the answers in all files of this machine by attempt, also in those of processes that are running."""
    return {entry.attempt: entry for file in _files() for entry in _read(file)}


def abandoned() -> list[Path]:
    """Return the files whose process has gone."""
    return [file for file in _files() if _is_abandoned(file)]


@contextmanager
def inherited(file: Path) -> Iterator[Left | None]:
    """Give what a process that has gone left in its file, and delete it then; None while another process does so."""
    with _locked(file) as mine:
        if not mine:
            yield None
            return
        yield Left(worker=UUID(file.name[:36]), entries=list(_read(file)))
        file.unlink(missing_ok=True)


def _files() -> list[Path]:
    found = Path(settings.GOMAIL_JOURNAL_DIR).glob(f"*{_ENDING}")
    return sorted(file for file in found if _NAME.fullmatch(file.stem))


def _is_abandoned(file: Path) -> bool:
    with _locked(file) as mine:
        return mine


@contextmanager
def _locked(file: Path) -> Iterator[bool]:
    """Try to take the lock of a file that may be gone."""
    try:
        handle = os.open(file, os.O_RDWR)
    except FileNotFoundError:
        yield False
        return
    try:
        yield _try_lock(handle) and _is(handle, file)
    finally:
        os.close(handle)


def _try_lock(handle: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _is(handle: int, file: Path) -> bool:
    """Tell whether the file is there still: one that its writer has deleted says nothing of the writer."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(handle), file.stat())
    return False


def _read(file: Path) -> Iterator[Entry]:
    """Yield the whole lines; a crash may have cut the last."""
    with suppress(FileNotFoundError):
        for line in file.read_bytes().splitlines():
            try:
                yield Entry(**json.loads(line))
            except (ValueError, TypeError):
                log.warning("A line of %s is cut off and says nothing", file.name)


def _sync_directory(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
