"""How many passwords a process hashes at once: one, and one more that waits. A hash is half a second of work."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from delivery.access.tries import TooManyTries

_WAIT_SECONDS = 2.0  # for the one before
_seats = threading.BoundedSemaphore(2)
_hashing = threading.Lock()
_mine = threading.local()


@contextmanager
def taken() -> Iterator[None]:
    """Hold the seat where passwords are hashed; raise TooManyTries if two have one. A thread that has it keeps it."""
    if getattr(_mine, "held", False):
        yield
        return
    with _seat():
        _mine.held = True
        try:
            yield
        finally:
            _mine.held = False


@contextmanager
def _seat() -> Iterator[None]:
    if not _seats.acquire(blocking=False):
        raise TooManyTries(1.0)
    try:
        if not _hashing.acquire(timeout=_WAIT_SECONDS):
            raise TooManyTries(_WAIT_SECONDS)
        try:
            yield
        finally:
            _hashing.release()
    finally:
        _seats.release()
