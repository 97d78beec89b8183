"""Identifiers that sort by time, so that the newest rows lie together in every index."""

import os
import time
from datetime import datetime
from uuid import UUID

_MILLISECOND_SHIFT = 80


def uuid7() -> UUID:
    """Return a new UUID version 7 (RFC 9562): 48 bits of milliseconds, 74 random bits."""
    return _stamped(time.time_ns() // 1_000_000, int.from_bytes(os.urandom(10)))


def at(moment: datetime) -> UUID:
    """Return a new identifier made at this moment."""
    return _stamped(int(moment.timestamp() * 1000), int.from_bytes(os.urandom(10)))


def floor(moment: datetime) -> UUID:
    """Return the smallest identifier that could have been made at this moment, to compare against."""
    return _stamped(int(moment.timestamp() * 1000), 0)


def _stamped(milliseconds: int, rest: int) -> UUID:
    number = (milliseconds & (1 << 48) - 1) << _MILLISECOND_SHIFT | rest
    number = number & ~(0xF << 76) | 7 << 76
    return UUID(int=number & ~(0b11 << 62) | 0b10 << 62)
