"""What the database could not be told, and must not be forgotten: tried again by a thread until it is done."""

import logging
import threading
import time
from collections.abc import Callable

from django.db import InterfaceError, InternalError, OperationalError, connection

# What a database says that will be there again: away, restarting, or read-only while it changes places.
AWAY = (OperationalError, InterfaceError, InternalError)
_PAUSE = 5.0  # seconds
log = logging.getLogger(__name__)
Action = Callable[[], object]


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
            time.sleep(_PAUSE)
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
