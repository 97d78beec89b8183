"""Identifiers that sort by time (UUID version 7), so that the newest rows lie together in every index."""

import os
from datetime import datetime
from uuid import UUID

from delivery.db import clock

_A_MILLISECOND = 1_000_000  # nanoseconds
_STEPS = 1 << 12  # of a millisecond


def uuid7() -> UUID:
    """Return a new UUID version 7 (RFC 9562): milliseconds, 12 bits of a fraction of one, 62 random bits.

    The time is the database's: identifiers are compared with moments that it has written.
    """
    return _made(clock.nanoseconds())


def several(count: int) -> list[UUID]:
    """Return so many identifiers in ascending order, the last with the time of now."""
    step = _A_MILLISECOND // _STEPS + 1
    first = clock.nanoseconds() - count * step
    return [_made(first + number * step) for number in range(count)]


def at(moment: datetime) -> UUID:
    """Return a new identifier with this time."""
    seconds = int(moment.timestamp())
    return _made((seconds * 1_000_000 + moment.microsecond) * 1000)


def floor(moment: datetime) -> UUID:
    """Return the smallest possible identifier of this millisecond, to compare others with.

    Identifiers made by earlier releases have random bits instead of the fraction of a millisecond.
    """
    return _stamped(int(moment.timestamp() * 1000), 0, 0)


def _made(nanoseconds: int) -> UUID:
    milliseconds, rest = divmod(nanoseconds, _A_MILLISECOND)
    return _stamped(milliseconds, rest * _STEPS // _A_MILLISECOND, int.from_bytes(os.urandom(8)))


def _stamped(milliseconds: int, step: int, chance: int) -> UUID:
    number = (milliseconds & (1 << 48) - 1) << 80 | 7 << 76 | step << 64
    return UUID(int=number | 0b10 << 62 | chance & (1 << 62) - 1)
