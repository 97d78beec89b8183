"""This process: its identity, and whether it is about to end."""

import os
import threading
from uuid import UUID, uuid4

_known: dict[int, UUID] = {}  # by process id: a forked process gets its own identity
_ending = threading.Event()


def identity() -> UUID:
    """Return the id of this process, new at every start; its claims are marked with it."""
    pid = os.getpid()
    if pid not in _known:
        _known[pid] = uuid4()
    return _known[pid]


def adopt(name: UUID) -> None:
    """Take the id chosen by the parent process, which wants to know what this process claims."""
    _known[os.getpid()] = name


def end() -> None:
    """Begin the shutdown: attempts under way are finished, no new ones begin."""
    _ending.set()


def is_ending() -> bool:
    """Tell whether this process has been told to stop."""
    return _ending.is_set()
