"""Files that are appended to by one process, which holds a lock on each for as long as it lives.

The system takes the lock away when the process ends, however it ends; a process that is stopped keeps it.
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
    """One file being written. Many threads share one sync to disk."""

    def __init__(self, path: Path) -> None:
        """Begin the file; nobody sees it under its name before it is locked."""
        self.path = path
        self.owed = 0  # entries that the database does not have yet
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
        """Write a line, and return what must be synced for it; the caller lets one thread in at a time."""
        if os.write(self._handle, line) < len(line):
            raise OSError(errno.ENOSPC, "the disk is full")
        self.size += len(line)
        return self.size

    def sync(self, position: int) -> None:
        """Return when everything up to there is on disk, by this thread's sync or by another's."""
        with self._syncing:
            if (
                self._failed
            ):  # the system forgets what it could not write; a second sync would call it written
                raise OSError(errno.EIO, "the disk has failed")
            if self._synced < position:
                reached = self.size
                self._failed = True
                os.fdatasync(self._handle)
                self._failed = False
                self._synced = reached

    def discard(self) -> None:
        """Delete the file: nobody is owed anything. Only then is its lock given up."""
        self.path.unlink(missing_ok=True)
        os.close(self._handle)

    def leave(self) -> None:
        """Let go of a file that this process has inherited from the one that it was forked from."""
        os.close(self._handle)


@contextmanager
def taken(file: Path) -> Iterator[bool]:
    """Try to take the lock of a file that may be gone, or another user's, or on a disk that is read-only."""
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
            log.exception("%s cannot be opened; the claims of its process end by their leases", file.name)
        return None


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
