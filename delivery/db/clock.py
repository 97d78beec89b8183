"""The database's clock, as this process knows it: every moment that is compared in the database is made by it.

It is asked when a connection is opened and every few seconds. In between a process counts PostgreSQL's seconds by its
monotonic clock: whoever sets this machine's clock changes nothing. SQLite goes by this machine's clock itself, so there
the process does, too, and follows when it is set. See docs/decisions/0025.
"""

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BigIntegerField
from django.db.models.expressions import Expression

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_A_SECOND = 1_000_000_000  # nanoseconds
_SLOW = _A_SECOND  # an answer that took longer is worse than the last one
MAX_AHEAD = timedelta(days=365)  # of a moment that somebody asks for
LIMIT = 5.0  # seconds by which this machine's clock may differ from the database's before people are told
_QUESTIONS = {  # seconds since the epoch
    "postgresql": "SELECT extract(epoch FROM clock_timestamp())::double precision",
    "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400.0",
}
IN_NANOSECONDS = {
    "postgresql": "((extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000)",
    "sqlite": "(CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER) * 1000000)",
}
log = logging.getLogger(__name__)


class Nanoseconds(Expression):
    """The same in a statement; PostgreSQL asks its clock for each row, after waiting for its lock."""

    output_field = BigIntegerField()

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        """Ask PostgreSQL to the microsecond, SQLite to the millisecond."""
        return IN_NANOSECONDS[connection.vendor], ()


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """What the database's clock said, and this machine's clocks at the moment when the answer had come."""

    database: int  # nanoseconds since the epoch
    monotonic: int

    def at(self, monotonic: int) -> int:
        return self.database + monotonic - self.monotonic


_readings: dict[str, _Reading] = {}  # the last one, by the database's alias
_corrections: dict[
    str, int
] = {}  # nanoseconds from this process's clock to SQLite's, where they differ at all
_jumped_at: dict[str, int] = {}  # by the monotonic clock, in nanoseconds


def now() -> datetime:
    """Return the database's time; it is never ahead of the database, and behind it by no more than an answer takes."""
    return _moment(nanoseconds())


def nanoseconds() -> int:
    """Return the same in nanoseconds since the epoch."""
    if _goes_by_this_machine():
        return time.time_ns() + _corrections.get(DEFAULT_DB_ALIAS, 0)
    reading = _readings.get(DEFAULT_DB_ALIAS)  # none before the first connection: nothing was compared either
    return reading.at(time.monotonic_ns()) if reading else time.time_ns()


@cache  # asked nine times for each email, and Django looks a connection up by thread
def _goes_by_this_machine() -> bool:
    return connections[DEFAULT_DB_ALIAS].vendor == "sqlite"


def measure() -> None:
    """Ask the database for its time; raises what says that the database is away."""
    connection.ensure_connection()
    read(connection)


def read(opened: BaseDatabaseWrapper) -> None:
    """Ask over this connection."""
    asked = time.monotonic_ns()
    with opened.cursor() as cursor:
        cursor.execute(_QUESTIONS[opened.vendor])
        moment = _since_epoch(_EPOCH + timedelta(seconds=cursor.fetchone()[0]))
    answered = time.monotonic_ns()
    if answered - asked < _SLOW or opened.alias not in _readings:
        _compare(opened.alias, _Reading(database=moment, monotonic=answered))
        correction = moment - time.time_ns()
        _corrections[opened.alias] = correction if abs(correction) > _A_SECOND else 0


def jumped(seconds_before: float = 0.0) -> None:
    """Learn from another process that the database's clock jumped so long ago."""
    _jumped_at[connection.alias] = time.monotonic_ns() - int(seconds_before * _A_SECOND)


def has_jumped(*, within: timedelta) -> bool:
    """Tell whether the database's clock was set by more than a few seconds so lately: its leases prove nothing yet."""
    at = _jumped_at.get(connection.alias)
    return at is not None and time.monotonic_ns() - at < within.total_seconds() * _A_SECOND


def ahead() -> float:
    """Return by how many seconds this machine's clock is ahead of the database's; negative: behind it."""
    return (time.time_ns() - nanoseconds()) / _A_SECOND


def _compare(alias: str, reading: _Reading) -> None:
    last, _readings[alias] = _readings.get(alias), reading
    if last and abs(last.at(reading.monotonic) - reading.database) > LIMIT * _A_SECOND:
        _jumped_at[alias] = reading.monotonic
        log.warning("The database's clock was set; for a while no claim is ended because of its lease")


def _since_epoch(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _moment(nanoseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
