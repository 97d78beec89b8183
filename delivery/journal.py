"""What providers answered, in a file of this machine, on disk before the database is told.

A process that ends between a provider's answer and our transaction leaves a line here, and no doubt. Each process
writes files of its own, and holds a lock on each that the system takes away when the process ends, however it ends:
who gets the lock knows that the writer is gone.
"""

import json
import logging
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from delivery import process
from delivery.files import locked
from delivery.files.locked import LockedFile

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


class _Writer:
    """The files of this process: the one being written, and older ones of which an entry is still owed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._file: LockedFile | None = None
        self._open: set[LockedFile] = set()  # that one, and older ones of which an entry is owed

    def open(self) -> LockedFile:
        """Return the file to write to, locked."""
        with self._lock:
            return self._current()

    def write(self, line: bytes) -> LockedFile:
        with self._lock:
            file = self._current()
            try:
                position = file.append(line)
            except OSError:
                file.size = _LARGE + 1  # half a line may stand there: the next one goes to a new file
                raise
            file.owed += 1
        try:
            file.sync(position)
        except OSError:
            file.size = _LARGE + 1
            self.release(file)  # nobody will
            raise
        return file

    def release(self, file: LockedFile) -> None:
        with self._lock:
            file.owed -= 1
            if not file.owed and file is not self._file:
                self._discard(file)

    def close(self) -> None:
        with self._lock:
            file, self._file = self._file, None
            if file and not file.owed:
                self._discard(file)

    def begin_anew(self) -> None:
        """Be the writer of a process that has just been forked; nobody else runs in it yet."""
        for file in self._open:
            file.leave()
        self._file, self._open, self._lock = None, set(), threading.Lock()

    def _current(self) -> LockedFile:
        if self._file is None:
            self._file = self._new()
        elif self._file.size > _LARGE:
            full, self._file = self._file, self._new()
            if not full.owed:
                self._discard(full)
        return self._file

    def _discard(self, file: LockedFile) -> None:
        self._open.discard(file)
        file.discard()

    def _new(self) -> LockedFile:
        folder = Path(settings.GOMAIL_JOURNAL_DIR)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._number += 1
        file = LockedFile(folder / f"{process.identity()}-{self._number}{_ENDING}")
        self._open.add(file)
        return file


_writer = _Writer()
os.register_at_fork(after_in_child=_writer.begin_anew)
Owed = LockedFile | None  # what `release` is told when the database has an entry


def begin() -> None:
    """Take the lock by which others know that this process lives; without a journal its claims end by their leases."""
    try:
        _writer.open()
    except OSError:
        log.exception("The journal cannot be written; a crash may leave emails in doubt that were answered")


def write(entry: Entry) -> Owed:
    """Put an answer on disk, and return what is to be released when the database has it.

    A disk that fails must not undo what a provider has done: that is logged.
    """
    try:
        return _writer.write(json.dumps(asdict(entry), separators=(",", ":")).encode() + b"\n")
    except OSError:
        log.exception("What became of attempt %s could not be written to the journal", entry.attempt)
        return None


def release(owed: Owed) -> None:
    """Say that the database has an entry."""
    if owed:
        _writer.release(owed)


def close() -> None:
    """End in order: delete this process's file, unless the database lacks something that stands in it."""
    _writer.close()


def known() -> dict[str, Entry]:
    """Return the answers in all files of this machine by attempt, also in those of processes that are running."""
    found: dict[str, Entry] = {}
    for file in _files():
        try:
            found |= {entry.attempt: entry for entry in _read(file)}
        except OSError:
            log.exception("%s cannot be read; what stands in it may be taken for unknown", file.name)
    return found


def abandoned() -> list[Path]:
    """Return the files whose process has gone."""
    return [file for file in _files() if _is_abandoned(file)]


@contextmanager
def inherited(file: Path) -> Iterator[Left | None]:
    """Give what a process that has gone left in its file, and delete it then; None while another process does so."""
    with locked.taken(file) as mine:
        if not mine:
            yield None
            return
        yield Left(worker=UUID(file.name[:36]), entries=list(_read(file)))
        file.unlink(missing_ok=True)


def _files() -> list[Path]:
    found = Path(settings.GOMAIL_JOURNAL_DIR).glob(f"*{_ENDING}")
    return sorted(file for file in found if _NAME.fullmatch(file.stem))


def _is_abandoned(file: Path) -> bool:
    with locked.taken(file) as mine:
        return mine


def _read(file: Path) -> Iterator[Entry]:
    """Yield the whole lines; a crash may have cut the last."""
    with suppress(FileNotFoundError):
        for line in file.read_bytes().splitlines():
            try:
                yield _entry(json.loads(line))
            except (ValueError, TypeError):
                log.warning("A line of %s is cut off and says nothing", file.name)


def _entry(said: dict[str, Any]) -> Entry:
    """Return an entry without what a newer version may have added to it."""
    return Entry(**{name: value for name, value in said.items() if name in Entry.__annotations__})
