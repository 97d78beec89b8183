"""Child processes that end with whoever started them, and are waited for no longer than said."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.paths import ROOT

_GRACE = 40.0  # seconds between SIGTERM and SIGKILL
Process = subprocess.Popen[str]
_children: set[Process] = set()
_ending = threading.Event()


class Late(Exception):
    """Something did not happen in its time."""


class LeftOut(Exception):
    """This machine does not allow what a trial needs."""


class Ended(Exception):
    """The whole run is being ended."""


@contextmanager
def running(
    arguments: list[str], variables: Mapping[str, str], log: Path | None = None
) -> Iterator["Process"]:
    """Run Python with these arguments in a process group of its own; its output goes to the log or to us."""
    go_on()
    with Path(log or os.devnull).open("a") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=os.environ | variables,
            text=True,
            start_new_session=True,
            stdout=output if log else subprocess.PIPE,
            stderr=subprocess.STDOUT if log else None,
        )
    _children.add(process)
    try:
        yield process
    finally:
        end(process)
        _children.discard(process)


def end(process: "Process") -> None:
    """End a process and all its children, politely first."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout:
        process.stdout.close()


def kill_all() -> None:
    """End every child at once, and let nothing new begin: the run itself is being ended."""
    _ending.set()
    for process in list(_children):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def is_ending() -> bool:
    return _ending.is_set()


def go_on() -> None:
    """Raise Ended if the run is being ended."""
    if is_ending():
        raise Ended


def answer_of(arguments: list[str], variables: Mapping[str, str], statuses: tuple[int, ...] = (0,)) -> str:
    """Run Python to its end, one of these exit statuses; return what it printed."""
    go_on()
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | variables,
        text=True,
        capture_output=True,
        check=False,
        timeout=120,
    )
    if done.returncode not in statuses:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout


def eventually(condition: Callable[[], bool], *, seconds: float, pause: float = 0.1) -> float:
    """Wait until it is so; return after how many seconds, or raise Late."""
    started = time.monotonic()
    while not condition():
        go_on()
        if time.monotonic() - started > seconds:
            raise Late
        time.sleep(pause)
    return time.monotonic() - started
