"""Holds on stored contents: whoever is about to name one in the database holds it until that is committed.

So a content that is to be erased is never deleted between the moment in which a request found it stored and the commit
of the rows that need it. A hold is a shared lock on the folder that a hash leads to first, one of 256, or on all of
them for who needs many. The system ends it with the process, however it ends; a process that stands still keeps it.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

_MANY: Final = 4  # folders of one thread; a file handle each
_mine = threading.local()


@contextmanager
def until_saved() -> Iterator[None]:
    """Hold what this thread keeps until the end, or until `let_go`: then everything is committed."""
    _mine.held = {}
    try:
        yield
    finally:
        let_go()
        del _mine.held


def let_go() -> None:
    """End the holds of this thread."""
    held: dict[Path, int] = getattr(_mine, "held", {})
    while held:
        os.close(held.popitem()[1])


def take(root: Path, folder: Path) -> None:
    """Hold the contents of this folder, if this thread has said until when."""
    held: dict[Path, int] | None = getattr(_mine, "held", None)
    if held is None or root in held or folder in held:
        return
    wanted = folder if len(held) < _MANY else root
    wanted.mkdir(parents=True, exist_ok=True, mode=0o700)
    held[wanted] = os.open(wanted, os.O_RDONLY)
    fcntl.flock(held[wanted], fcntl.LOCK_SH)


@contextmanager
def alone(root: Path, folder: Path) -> Iterator[bool]:
    """Give whether nobody holds a content of this folder, and let nobody take a hold of it meanwhile."""
    with ExitStack() as handles:
        yield _locked(root, handles) and _locked(folder, handles)


def _locked(folder: Path, handles: ExitStack) -> bool:
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return True
    handles.callback(os.close, handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
