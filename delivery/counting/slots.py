"""Slots: the files that one process counts in. It takes the first pair that no living process has, and counts on there.

So what a killed process has counted stays, no sum goes back, and there are never more files than there were processes
at the same time. The system frees a slot when its process ends, however it ends.
"""

import fcntl
import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from prometheus_client.mmap_dict import MmapedDict

_values: Any = MmapedDict.read_all_values_from_file  # untyped
KINDS: Final = ("counter", "histogram")
_MOST: Final = 1024  # processes of one machine
# Bytes of a file, more than all series of a process need. They are written: a hole that cannot be filled, for the disk
# is full, would kill the process.
_ROOM: Final = 512 * 1024
_DAMAGED: Final = (
    RuntimeError,
    UnicodeDecodeError,
    struct.error,
)  # how prometheus-client reads a broken file


class _Mine:
    """The slot of this process."""

    process: int | None = None
    folder = ""
    handle = -1  # locked as long as the process lives
    name = ""


def folder() -> Path:
    """Return where the processes of this machine count."""
    return Path(settings.GOMAIL_METRICS_DIR)


def mine() -> str:
    """Return the name of this process's slot; a forked process takes its own. Raises OSError if there is none."""
    if _Mine.process != os.getpid() or _Mine.folder != settings.GOMAIL_METRICS_DIR:
        leave()
        _Mine.name, _Mine.handle = _take()
        _Mine.process, _Mine.folder = os.getpid(), settings.GOMAIL_METRICS_DIR
    return _Mine.name


def leave() -> None:
    """Close this process's slot; one that was inherited by a fork stays the parent's."""
    if _Mine.handle >= 0:
        os.close(_Mine.handle)
    _Mine.process, _Mine.handle = None, -1


def files() -> list[str]:
    """Return the files of all slots that can be read."""
    found = [path for kind in KINDS for path in sorted(folder().glob(f"{kind}_*.db"))]
    return [str(path) for path in found if _is_whole(path)]


def _take() -> tuple[str, int]:
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in range(_MOST):
        handle = os.open(folder() / f"{number}.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _prepare(str(number))
        except OSError as error:
            os.close(handle)
            if not isinstance(error, BlockingIOError):
                raise
        else:
            return str(number), handle
    raise OSError("there are too many processes")


def _prepare(name: str) -> None:
    for kind in KINDS:
        path = folder() / f"{kind}_{name}.db"
        if path.exists() and not _is_whole(path):  # the machine went down while it was written
            path.unlink()
        with path.open("ab") as file:
            if missing := _ROOM - os.fstat(file.fileno()).st_size:
                file.write(bytes(max(missing, 0)))
        path.chmod(0o600)


def _is_whole(path: Path) -> bool:
    with suppress(OSError, *_DAMAGED):
        return all(True for _ in _values(str(path)))
    return False
