"""Counts that the processes of a server share, in memory which they inherit from the one that starts them.

Each counts seconds: whoever has spent so many must wait until they have passed. Nothing of Django is loaded here: the
server imports this before it starts its processes.
"""

import mmap
import struct
import threading
import time
from typing import Final

_PLACES: Final = 1 << 14  # further ones share the places
_ROOM: Final = struct.Struct("d")


class Seconds:
    """How many seconds each number still has to wait until it has spent nothing, by the machine's monotonic clock."""

    def __init__(self) -> None:
        """Begin with nothing spent."""
        self._until = mmap.mmap(-1, _PLACES * _ROOM.size)
        self._lock = threading.Lock()

    def spend(self, number: int, seconds: float, most: float) -> tuple[bool, float]:
        """Spend so many seconds unless that is more than `most`; tell whether, and how many are spent now."""
        place = number % _PLACES * _ROOM.size
        with self._lock:  # of this process; another one may be between the two lines, and one of both counts
            now = time.monotonic()
            spent = max(float(_ROOM.unpack_from(self._until, place)[0]) - now, 0.0)
            fits = spent + seconds <= most
            if fits:
                _ROOM.pack_into(self._until, place, now + spent + seconds)
        return fits, spent + seconds * fits

    def forget(self) -> None:
        """Begin anew; for tests."""
        self._until[:] = bytes(len(self._until))


of_reads: Final = Seconds()  # by team
