"""Keeps a number of delivery workers running, as an operating system's service manager would: who dies is replaced.

    python -m tests.faults.keeper embedded 2      runs two `manage.py worker`
    python -m tests.faults.keeper celery 2        runs two workers of Celery, and its clock

SIGTERM ends them in order, and then it. They are forked from here, with everything loaded: a killed one is back at
once, and a run can afford hundreds.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gomail.settings")
_ENDING = (signal.SIGTERM, signal.SIGINT)
_PAUSE = 0.2  # seconds before one that ended is replaced
Job = Callable[[], None]


class Keeper:
    """The jobs that processes are to do, and which of them does which."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._idle = list(jobs)
        self._running: dict[int, Job] = {}
        self._ending = threading.Event()

    def run(self) -> None:
        """Keep them running until told to stop, and wait for the last of them then."""
        for name in _ENDING:
            signal.signal(name, self._end)
        while not self._ending.is_set():
            while self._idle and not self._ending.is_set():
                self._fork(self._idle.pop())
            self._reap(os.WNOHANG)
            self._ending.wait(_PAUSE)
        for pid in self._running:
            os.kill(pid, signal.SIGTERM)
        while self._running:
            self._reap(0)

    def _end(self, *_: object) -> None:
        self._ending.set()

    def _fork(self, job: Job) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)  # a child must not take SIGTERM for its parent's
        pid = os.fork()
        if not pid:
            _do(job)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
        self._running[pid] = job

    def _reap(self, options: int) -> None:
        for pid in list(self._running):
            found, status = os.waitpid(pid, options)
            if found:
                self._idle.append(self._running.pop(pid))
                with suppress(OSError):  # the disk may be full
                    print(f"worker {pid} ended with {os.waitstatus_to_exitcode(status)}", flush=True)


def _do(job: Job) -> None:
    """Be the process that does this job; never return."""
    status: object = 1
    for name in _ENDING:
        signal.signal(name, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    try:
        job()
        status = 0
    except SystemExit as end:
        status = end.code or 0
    finally:
        sys.stdout.flush()
        os._exit(status if isinstance(status, int) else 1)


def embedded() -> None:
    """Be `manage.py worker`."""
    from django.core.management import call_command

    call_command("worker")


def celery() -> None:
    """Be `celery -A gomail worker`."""
    _run_celery("worker", "-n", f"{os.getpid()}@localhost")


def clock() -> None:
    """Be `celery -A gomail beat`."""
    _run_celery("beat")


def _run_celery(*arguments: str) -> None:
    from celery.__main__ import main

    sys.argv = ["celery", "-A", "gomail", *arguments]
    main()


def jobs(engine: str, number: int) -> list[Job]:
    """Return what so many workers of this kind do."""
    return [embedded] * number if engine == "embedded" else [celery] * number + [clock]


if __name__ == "__main__":
    import django

    django.setup()
    from delivery.workers import embedded as worker  # noqa: F401 - before the fork, and with it all that it needs

    Keeper(jobs(sys.argv[1], int(sys.argv[2]))).run()
