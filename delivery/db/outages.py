"""Retries for writes that must not be lost while the database is away.

`insist` retries for some seconds while the caller waits; `until_done` retries in a thread until the write succeeds.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, InternalError, OperationalError, connection

# The errors of an outage that will pass: the database is away, restarting, or read-only during its own failover.
AWAY = (OperationalError, InterfaceError, InternalError)
_BACKGROUND_PAUSE = 5.0  # seconds
_INSISTENCE, _PAUSE = 25.0, 0.25  # seconds; longer than SQLite waits for its lock, shorter than a lease
log = logging.getLogger(__name__)
Action = Callable[[], object]
T = TypeVar("T")


class _RetryQueue:
    """The writes still to be done, in order; a thread runs while there are any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: list[Action] = []

    def add(self, action: Action) -> None:
        with self._lock:
            self._pending.append(action)
            if len(self._pending) == 1:
                threading.Thread(target=self._run, name="database-retry", daemon=True).start()

    def _run(self) -> None:
        while self._pending:
            time.sleep(_BACKGROUND_PAUSE)
            while self._pending and _is_done(self._pending[0]):
                with self._lock:
                    self._pending.pop(0)
            connection.close()


_retries = _RetryQueue()


def until_done(action: Action) -> None:
    """Run the action in the background until the database is back; lost if the process ends first."""
    _retries.add(action)


def _is_done(action: Action) -> bool:
    try:
        action()
    except AWAY:
        log.warning("The database is still away; the write stays queued", exc_info=True)
        return False
    except Exception:
        log.exception("A queued write failed and is given up; the journal still has it")
    return True


def insist(action: Callable[[], T]) -> T:
    """Run a write, and retry it for 25 s while the database is away: losing it would make a known outcome unknown.

    Raises the database's error when the time is over.
    """
    give_up = time.monotonic() + _INSISTENCE
    while True:
        try:
            return action()
        except AWAY:
            if time.monotonic() > give_up:
                raise
            log.warning("The database fails; the write of an attempt's outcome is retried", exc_info=True)
            connection.close_if_unusable_or_obsolete()
            time.sleep(_PAUSE)
