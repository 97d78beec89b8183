"""Append-only files, each locked by its writer for as long as the process lives.

The system releases the lock when the process ends, however it ends; a process that is only suspended keeps it.
"""

import errno
import fcntl
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from delivery.files import storage

log = logging.getLogger(__name__)


class LockedFile:
    """One file being written. Threads share a sync to disk: one sync serves all lines written before it."""

    def __init__(self, path: Path) -> None:
        """Create the file; it gets its name only once it is locked."""
        self.path = path
        self.pending = 0  # entries that the database does not have yet
        self.size = 0
        self._synced = 0
        self._syncing = threading.Lock()
        self._failed = False
        unnamed = path.with_suffix(".new")
        self._handle = os.open(unnamed, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX)
            unnamed.rename(path)
            storage.sync_directory(path.parent)
        except OSError:
            unnamed.unlink(missing_ok=True)
            self.discard()
            raise

    def append(self, line: bytes) -> int:
        """Write a line and return the position to sync; the caller lets in one thread at a time."""
        if os.write(self._handle, line) < len(line):
            raise OSError(errno.ENOSPC, "the disk is full")
        self.size += len(line)
        return self.size

    def sync(self, position: int) -> None:
        """Return when everything up to this position is on disk, by this thread's sync or another's."""
        with self._syncing:
            # After a failed sync the system drops the unwritten pages; a second one would report success.
            if self._failed:
                raise OSError(errno.EIO, "the disk has failed")
            if self._synced < position:
                reached = self.size
                self._failed = True
                os.fdatasync(self._handle)
                self._failed = False
                self._synced = reached

    def discard(self) -> None:
        """Delete the file, then release its lock; for a file without pending entries."""
        self.path.unlink(missing_ok=True)
        os.close(self._handle)

    def retire(self, name: Path) -> None:
        """Keep the file under another name: nobody is owed anything, and nobody takes it for one left behind."""
        try:
            self.path.rename(name)
        except OSError:  # taken away, or read-only by now: the next process that looks sees to it
            log.exception("%s cannot be put aside", self.path.name)
        os.close(self._handle)

    def leave(self) -> None:
        """Close a file that this process inherited from its parent by fork."""
        os.close(self._handle)


@contextmanager
def taken(file: Path) -> Iterator[bool]:
    """Try to lock a file and give whether it worked; it may be gone, another user's, or on a read-only disk."""
    handle = _opened(file)
    if handle is None:
        yield False
        return
    try:
        yield _try_lock(handle) and _is(handle, file)
    finally:
        os.close(handle)


def _opened(file: Path) -> int | None:
    try:
        return os.open(file, os.O_RDWR)
    except OSError as error:
        if error.errno != errno.ENOENT:
            log.exception("%s cannot be opened; its process's claims end when their leases expire", file.name)
        return None


def _try_lock(handle: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _is(handle: int, file: Path) -> bool:
    """Tell whether the path still names this file: a file deleted by its writer says nothing about the writer."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(handle), file.stat())
    return False
