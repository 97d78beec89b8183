"""The database is away: what says so, and how a write that must not be forgotten is tried again.

`insist` for some seconds while the caller waits; `until_done` by a thread, until it is done.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, InternalError, OperationalError, connection

# What a database says that will be there again: away, restarting, or read-only while it changes places.
AWAY = (OperationalError, InterfaceError, InternalError)
_DEBT_PAUSE = 5.0  # seconds
_INSISTENCE, _PAUSE = 25.0, 0.25  # seconds; longer than SQLite waits for its lock, less than a lease
log = logging.getLogger(__name__)
Action = Callable[[], object]
T = TypeVar("T")


class _Debts:
    """The actions that are owed; there is a thread while there are any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owed: list[Action] = []

    def add(self, action: Action) -> None:
        with self._lock:
            self._owed.append(action)
            if len(self._owed) == 1:
                threading.Thread(target=self._pay, name="debts", daemon=True).start()

    def _pay(self) -> None:
        while self._owed:
            time.sleep(_DEBT_PAUSE)
            while self._owed and _is_done(self._owed[0]):
                with self._lock:
                    self._owed.pop(0)
            connection.close()


_debts = _Debts()


def until_done(action: Action) -> None:
    """Do this after a while, and again until the database is there for it; the process may end before."""
    _debts.add(action)


def _is_done(action: Action) -> bool:
    try:
        action()
    except AWAY:
        log.warning("The database is still away; what it must be told is kept", exc_info=True)
        return False
    except Exception:
        log.exception("What the database must be told cannot be written; it stands in the journal")
    return True


def insist(action: Callable[[], T]) -> T:
    """Do a write whose loss would make a known outcome unknown: again for some seconds while the database fails."""
    give_up = time.monotonic() + _INSISTENCE
    while True:
        try:
            return action()
        except AWAY:
            if time.monotonic() > give_up:
                raise
            log.warning("The database fails; what became of an attempt is written again", exc_info=True)
            connection.close_if_unusable_or_obsolete()
            time.sleep(_PAUSE)
