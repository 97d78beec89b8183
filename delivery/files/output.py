"""What a process prints: nobody needs it for his work, so its loss stops nothing.

The disk of the logs may be full, their reader gone, or stdout and stderr closed from the start. Then Python raises at
any print, and ends with status 120; and the next file that is opened gets the number of stderr, into which every child
process and the C library write.
"""

import os
import sys
from contextlib import suppress
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import Any

_NAMES = ("stdin", "stdout", "stderr")


class _Loss:
    """Whether this process could not print something."""

    is_known = False


def tolerate_loss() -> None:
    """Let this process go on when what it prints cannot be written; called first of all.

    A stream that somebody has put in the place of Python's own is left as it is.
    """
    for number, name in enumerate(_NAMES):
        _fill(number)
        own = getattr(sys, f"__{name}__")
        if number and getattr(sys, name) is own:
            stream = _stream(number, own)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)  # Celery prints there


def was_lost() -> bool:
    """Write what waits to be written; tell whether something that was printed is lost."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    return _Loss.is_known


class _Raw(FileIO):
    """A file that drops what it cannot write."""

    def write(self, data: Any) -> int:
        """Return how much was written; what was dropped counts."""
        with suppress(OSError):
            written = super().write(data)
            if written is not None:  # None: a pipe that is full and does not wait
                return written
        _Loss.is_known = True
        return memoryview(data).nbytes


def _fill(number: int) -> None:
    """Open a number that is closed, so that no other file gets it."""
    try:
        os.fstat(number)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)
        os.dup2(opened, number)  # which child processes inherit
        if opened != number:
            os.close(opened)
        else:
            os.set_inheritable(number, True)


def _stream(number: int, own: Any) -> TextIOWrapper:
    """Return a stream like Python's own, which may be None."""
    with suppress(OSError, AttributeError):
        own.flush()
    buffered = BufferedWriter(_Raw(number, "wb", closefd=False))
    return TextIOWrapper(
        buffered,
        encoding=getattr(own, "encoding", "utf-8"),
        errors=getattr(own, "errors", "backslashreplace"),
        line_buffering=number == 2 or os.isatty(number) or getattr(own, "write_through", False),
    )
