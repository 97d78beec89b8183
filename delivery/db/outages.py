"""Outages of the database: said in few lines, and writes that must not be lost meanwhile.

`insist` retries for some seconds while the caller waits; `until_done` retries in a thread until the write succeeds.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from django.db import InterfaceError, InternalError, OperationalError, connection

# The errors of an outage that will pass: the database is away, restarting, or read-only during its own failover.
AWAY = (OperationalError, InterfaceError, InternalError)
_BACKGROUND_PAUSE = 5.0  # seconds
INSISTENCE, _PAUSE = 25.0, 0.25  # seconds; longer than SQLite waits for its lock, shorter than a lease
_AGAIN: Final = 60.0  # seconds between two lines that it is still away
_QUIET: Final = 2.0  # seconds without a failure, after which a success means that it is back
_LONGEST: Final = 200  # characters of the database's words
log = logging.getLogger(__name__)
Action = Callable[[], object]
T = TypeVar("T")


class _Outage:
    """What this process has met of an outage. Every thread meets it again and again: one line tells of all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.since: float | None = None
        self._failures, self._last, self._said = 0, 0.0, 0.0

    def fails(self, what: str, error: BaseException) -> None:
        with self._lock:
            now = time.monotonic()
            began, self.since = self.since is None, self.since or now
            self._failures, self._last = (1 if began else self._failures + 1), now
            if not began and now - self._said < _AGAIN:
                return
            self._said, failures = now, self._failures
        if began:
            log.error("The database cannot be used: %s. %s", what, _words(error))
        else:
            away = now - self.since
            log.error(
                "The database is still away after %.0f s; %d failures: %s", away, failures, _words(error)
            )

    def works(self) -> None:
        with self._lock:
            if self.since is None or time.monotonic() - self._last < _QUIET:
                return
            lasted, failures, self.since = self._last - self.since, self._failures, None
        log.warning("The database is back; it failed for %.1f s, %d times", lasted, failures)

    def forget(self) -> None:
        self.since = None


_outage = _Outage()


def report(what: str, error: BaseException) -> None:
    """Say that the database is away: once, and then each minute. `what`: what could not be done, and what follows."""
    _outage.fails(what, error)


def works() -> None:
    """Say that the database is back, if it was away; after something that has used it."""
    if _outage.since is not None:
        _outage.works()


def forget() -> None:
    """Know of no outage."""
    _outage.forget()


def _words(error: BaseException) -> str:
    """Return the first line of what the database says: those below may quote a row."""
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:_LONGEST]}"


def is_away() -> bool:
    """Ask the database for nothing; tell whether even that fails: then an error was no matter of what was asked."""
    return connection.connection is None or not connection.is_usable()


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
        works()
    except AWAY as error:
        report("a write stays queued", error)
        return False
    except Exception:
        log.exception("A queued write failed and is given up; the journal still has it")
    return True


def insist(action: Callable[[], T]) -> T:
    """Run a write, and retry it for 25 s while the database is away: losing it would make a known outcome unknown.

    Raises the database's error when the time is over.
    """
    give_up = time.monotonic() + INSISTENCE
    while True:
        try:
            return action()
        except AWAY as error:
            if time.monotonic() > give_up:
                raise
            report("the write of an attempt's outcome is retried", error)
            connection.close_if_unusable_or_obsolete()
            time.sleep(_PAUSE)
