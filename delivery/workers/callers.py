"""Threads that make calls; each has started before a call is promised to it."""

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

Job = Callable[[], None]  # raises nothing
_NAME: Final = "bulk"
log = logging.getLogger(__name__)


class Callers:
    """Starts threads as they are needed, and keeps them."""

    def __init__(self) -> None:
        """Start none yet."""
        self._threads: list[threading.Thread] = []
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()

    def are(self, number: int) -> bool:
        """Have so many threads; False: this machine lets no other one start."""
        while len(self._threads) < number:
            # A daemon: if the thread that closes us is gone, nothing else keeps the process.
            thread = threading.Thread(target=self._run, name=f"{_NAME}-{len(self._threads)}", daemon=True)
            try:
                thread.start()
            except (RuntimeError, MemoryError):
                log.warning("No further thread can be started than %d", len(self._threads), exc_info=True)
                return False
            self._threads.append(thread)
        return True

    def call(self, job: Job) -> None:
        """Have a thread do the job."""
        self._jobs.put(job)

    def close(self) -> None:
        """End the threads; each ends its job first."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _run(self) -> None:
        while job := self._jobs.get():
            job()
