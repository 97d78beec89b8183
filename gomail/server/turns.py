"""A few connections' threads at a time have something to do; the others wait for their clients, or for a turn.

Threads that are all ready at once take the interpreter from each other: when a thousand slow clients are cut in the
same second, whoever asks for the health of the process would be the thousand-and-first. Health needs no turn.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_MOST = 4


class Turns:
    """So many turns; a thread has one or none."""

    def __init__(self, most: int) -> None:
        """Let nobody have one yet."""
        self._free = threading.Semaphore(most)
        self._mine = threading.local()

    def take(self) -> None:
        """Wait for a turn."""
        self._free.acquire()
        self._mine.taken = True

    def give_back(self) -> bool:
        """Give this thread's turn back; False: it had none."""
        if not getattr(self._mine, "taken", False):
            return False
        self._mine.taken = False
        self._free.release()
        return True

    @contextmanager
    def given_back(self) -> Iterator[None]:
        """Let others have the turn while this thread waits for something; it has one again afterwards."""
        had = self.give_back()
        try:
            yield
        finally:
            if had:
                self.take()


turns = Turns(_MOST)
