"""Processes that may open few files, or for a moment, this one, no further one."""

import gc
import os
import resource
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

_OPEN = Path("/proc/self/fd")


@contextmanager
def no_files_left(*, but: int = 0) -> Iterator[None]:
    """Let this process open as many files more, and then none; what is open stays open."""
    gc.collect()  # what tests before have left open would be closed in the middle
    gc.freeze()  # the next one need not look through what is left: all that the suite has loaded and kept
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    highest = max(int(opened.name) for opened in _OPEN.iterdir())
    try:
        # Some that are free for sure: below the highest none may be, and then none could be given back.
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(highest + 1 + but, hard), hard))
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


def alone(ask: Callable[[], bool]) -> bool:
    """Ask in a fork of this process, where no thread of a test before opens, closes or misses files meanwhile."""
    child = os.fork()
    if not child:
        _answer_and_end(ask)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended in (0, 1), f"it ended with {ended}; why stands above"
    return ended == 1


def limited(command: Sequence[str], *, files: int) -> list[str]:
    """Return the command that runs this one with so many files."""
    return ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", *command]


def _all_that_are_left() -> list[int]:
    taken: list[int] = []
    with suppress(OSError):
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    return taken


def _answer_and_end(ask: Callable[[], bool]) -> NoReturn:
    answer = 2
    try:
        answer = int(ask())
    except BaseException:  # handed on by the number: nothing may leave this process another way
        traceback.print_exc()
    finally:
        os._exit(answer)
