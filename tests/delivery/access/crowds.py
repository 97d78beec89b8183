"""Many threads that do the same at the same moment."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

T = TypeVar("T")


def at_once(action: Callable[[int], T], threads: int = 50) -> list[T]:
    """Run the action in each thread, with the thread's number; return what they returned."""
    barrier = threading.Barrier(threads)

    def one(number: int) -> T:
        try:
            barrier.wait()
            return action(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, range(threads)))
