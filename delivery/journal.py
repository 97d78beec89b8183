"""The journal: a write-ahead log of providers' answers, on this machine's disk before the database has them.

If a process ends between a provider's answer and our transaction, the answer is still here. Each process writes its
own files and holds a lock on each; the system releases the lock when the process ends, however it ends. So whoever
gets the lock knows that the writer is gone.
"""

import json
import logging
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from delivery import process
from delivery.files import locked
from delivery.files.locked import LockedFile

_LARGE = 1024 * 1024  # bytes; then a new file is begun
_MOST_DONE, _DONE_SECONDS = 64 * 1024 * 1024, 7 * 86_400.0  # bytes and age of files that are done with
_ENDING, _DONE = ".journal", ".full"  # in use or left behind; told to the database whole
NOBODY = "none"  # the team of an email that was sent without an API key
_NAME = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-\d+")  # the process's id, the file's number
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The outcome of one attempt."""

    attempt: str  # its id
    outcome: str
    # What the attempt was, for a database that does not know it (any more); lines of earlier versions lack these.
    email: str = ""  # its id
    team: str = ""  # the id of the team that sends it, or NOBODY
    epoch: int = 0
    provider: str = ""
    recipients: str = ""  # fingerprint of their addresses
    at: str = ""  # when the answer came, by the database's clock, in ISO 8601
    database: str = ""  # name of its lineage
    provider_message_id: str = ""
    error: str = ""
    code: str = ""
    detail: str = ""
    reason: str = ""  # the detail in words for a person; empty: the detail is in such words
    latency_ms: int | None = None
    refused: Mapping[str, str] = field(default_factory=dict)  # refused recipients: {address: reason}


@dataclass(frozen=True, kw_only=True)
class Piece:
    """The lines of one file from a position on."""

    name: str  # of the file, which it keeps when it is done with
    entries: list[Entry]
    end: int  # the position after the last whole line


@dataclass(frozen=True, kw_only=True)
class Left:
    """The entries left behind by a process that has ended."""

    worker: UUID
    entries: list[Entry]


class _Writer:
    """The files of this process: the current one, and older ones that still have pending entries.

    An entry is pending until the database has it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._file: LockedFile | None = None
        self._open: set[LockedFile] = set()  # the current one, and older ones with pending entries

    def open(self) -> LockedFile:
        """Return the current file, locked."""
        with self._lock:
            return self._current()

    def write(self, line: bytes) -> LockedFile:
        with self._lock:
            file = self._current()
            try:
                position = file.append(line)
            except OSError:
                file.size = _LARGE + 1  # half a line may be written: the next one goes to a new file
                raise
            file.pending += 1
        try:
            file.sync(position)
        except OSError:
            file.size = _LARGE + 1
            self.release(file)  # the caller does not get the file to release
            raise
        return file

    def release(self, file: LockedFile) -> None:
        with self._lock:
            file.pending -= 1
            if not file.pending and file is not self._file:
                self._discard(file)

    def close(self) -> None:
        with self._lock:
            file, self._file = self._file, None
            if file and not file.pending:
                self._discard(file)

    def begin_anew(self) -> None:
        """Start over in a process that was just forked; it has only this thread yet."""
        for file in self._open:
            file.leave()
        self._file, self._open, self._lock = None, set(), threading.Lock()

    def _current(self) -> LockedFile:
        if self._file is None:
            self._file = self._new()
        elif self._file.size > _LARGE:
            full, self._file = self._file, self._new()
            if not full.pending:
                self._discard(full)
        return self._file

    def _discard(self, file: LockedFile) -> None:
        """Let go of a file that the database knows whole; see `forget` for when it is deleted."""
        self._open.discard(file)
        if file.size:
            file.retire(file.path.with_suffix(_DONE))
        else:
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
Pending = (
    LockedFile | None
)  # to be given to `release` when the database has the entry; None: nothing was written


def begin() -> None:
    """Open the journal, whose lock shows that this process lives; without it its claims end with their leases."""
    try:
        _writer.open()
    except OSError:
        log.exception("The journal cannot be written; a crash may lose a provider's answer")


def write(entry: Entry) -> Pending:
    """Write an entry to disk; return the handle to `release` when the database has it.

    A failing disk is only logged: the provider has answered all the same.
    """
    try:
        return _writer.write(line(entry).encode())
    except OSError:
        log.exception("The outcome of attempt %s could not be written to the journal", entry.attempt)
        return None


def line(entry: Entry) -> str:
    """Return an entry as it stands in a file."""
    return json.dumps(vars(entry), separators=(",", ":")) + "\n"


def release(pending: Pending) -> None:
    """Mark an entry as stored in the database."""
    if pending:
        _writer.release(pending)


def close() -> None:
    """Close the journal in an orderly shutdown: delete this process's file unless it has pending entries."""
    _writer.close()


def known() -> dict[str, Entry]:
    """Return the entries that the database may lack by attempt, those of running processes included."""
    return _answers(_ENDING)


def remembered() -> dict[str, Entry]:
    """Return the same with those that the database once had; there may be a hundred thousand."""
    return _answers(_DONE, _ENDING)


def abandoned() -> list[Path]:
    """Return the files whose process has ended."""
    return [file for file in _files(_ENDING) if _is_abandoned(file)]


def since(positions: Mapping[str, int]) -> list[Piece]:
    """Return what all files of this machine hold beyond these positions, by their names; a file without news, too."""
    return [_piece(file, positions.get(file.stem, 0)) for file in _files(_DONE, _ENDING)]


def forget(positions: Mapping[str, int]) -> None:
    """Delete old files that are done with, and of which every line up to these positions has been seen to.

    They are kept for some days, as long as there is room: when an older state of the database comes back they alone
    know what was sent since.
    """
    room = _MOST_DONE
    for file in sorted(_files(_DONE), key=_age):
        room -= positions.get(file.stem, 0)
        is_seen = file.stem in positions and not _content(file, positions[file.stem])
        if is_seen and (room < 0 or _age(file) > _DONE_SECONDS):
            file.unlink(missing_ok=True)


@contextmanager
def inherited(file: Path) -> Iterator[Left | None]:
    """Give the entries of an ended process's file, then put it aside; None if another process is doing so."""
    with locked.taken(file) as mine:
        if not mine:
            yield None
            return
        yield Left(worker=UUID(file.name[:36]), entries=list(read(file)))
        with suppress(FileNotFoundError):
            file.rename(file.with_suffix(_DONE))


def _answers(*endings: str) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for file in _files(*endings):
        try:
            found |= {entry.attempt: entry for entry in read(file)}
        except OSError:
            log.exception("%s cannot be read; outcomes in it may be taken for unknown", file.name)
    return found


def _files(*endings: str) -> list[Path]:
    found = Path(settings.GOMAIL_JOURNAL_DIR).glob("*")
    return sorted(file for file in found if file.suffix in endings and _NAME.fullmatch(file.stem))


def _age(file: Path) -> float:
    """Return for how many seconds nobody has written to a file."""
    with suppress(FileNotFoundError):
        return time.time() - file.stat().st_mtime
    return 0.0


def _is_abandoned(file: Path) -> bool:
    with locked.taken(file) as mine:
        return mine


def read(file: Path) -> Iterator[Entry]:
    """Yield the complete entries; a crash may have cut off the last line."""
    yield from _entries(file.name, _content(file))


def _piece(file: Path, start: int) -> Piece:
    content = _content(file, start)
    whole = content[: content.rfind(b"\n") + 1]
    return Piece(name=file.stem, entries=list(_entries(file.name, whole)), end=start + len(whole))


def _content(file: Path, start: int = 0) -> bytes:
    """Return the file's bytes from there on; a file that is renamed or deleted at this moment has none."""
    with suppress(FileNotFoundError), file.open("rb") as opened:
        opened.seek(start)
        return opened.read()
    return b""


def _entries(name: str, content: bytes) -> Iterator[Entry]:
    for said in content.splitlines():
        try:
            yield _entry(json.loads(said))
        except (ValueError, TypeError):
            log.warning("A line of %s is cut off and is ignored", name)


def _entry(said: dict[str, Any]) -> Entry:
    """Return an entry without the fields that a newer version may have added."""
    return Entry(**{name: value for name, value in said.items() if name in Entry.__annotations__})
