"""This process: its identity, and whether it is about to end."""

import os
import threading
from uuid import UUID, uuid4

_known: dict[int, UUID] = {}  # by process id: a forked process is another one
_ending = threading.Event()


def identity() -> UUID:
    """Return the name of this process, another one at every start: what it claims bears it."""
    pid = os.getpid()
    if pid not in _known:
        _known[pid] = uuid4()
    return _known[pid]


def adopt(name: UUID) -> None:
    """Bear the name that the process which started this one has chosen: it wants to know what this one claims."""
    _known[os.getpid()] = name


def end() -> None:
    """Say that this process has been told to stop: what is under way is finished, nothing further begun."""
    _ending.set()


def is_ending() -> bool:
    """Tell whether this process has been told to stop."""
    return _ending.is_set()
