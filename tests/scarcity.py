"""Processes that may open few files, or for a moment, this one, no further one."""

import gc
import os
import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_OPEN = Path("/proc/self/fd")


@contextmanager
def no_files_left(*, but: int = 0) -> Iterator[None]:
    """Let this process open as many files more, and then none; what is open stays open."""
    gc.collect()  # what tests before have left open would be closed in the middle
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    highest = max(int(opened.name) for opened in _OPEN.iterdir())
    try:
        # Some that are free for sure: below the highest none may be, and then none could be given back.
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1 + but, hard))
        for _ in range(3):
            taken += _all_that_are_left()
            time.sleep(0.01)  # threads of servers before are still closing theirs
        for _ in range(but):
            os.close(taken.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for handle in taken:
            os.close(handle)


def limited(command: Sequence[str], *, files: int) -> list[str]:
    """Return the command that runs this one with so many files."""
    return ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", *command]


def _all_that_are_left() -> list[int]:
    taken: list[int] = []
    with suppress(OSError):
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    return taken
