"""Keeps a number of delivery workers running, as an operating system's service manager would: who dies is replaced.

    python -m tests.faults.keeper 2      runs two; SIGTERM ends them in order, and then it

They are forked from here, with everything loaded: a killed one is back at once, and a run can afford hundreds.
"""

import os
import signal
import sys
import threading

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gomail.settings")
_ENDING = (signal.SIGTERM, signal.SIGINT)
_PAUSE = 0.2  # seconds before one that ended is replaced


class Keeper:
    """The processes that are to run, and what became of those before."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._running: set[int] = set()
        self._ending = threading.Event()

    def run(self) -> None:
        """Keep them running until told to stop, and wait for the last of them then."""
        for name in _ENDING:
            signal.signal(name, self._end)
        while not self._ending.is_set():
            while len(self._running) < self._number and not self._ending.is_set():
                self._fork()
            self._reap(os.WNOHANG)
            self._ending.wait(_PAUSE)
        for pid in self._running:
            os.kill(pid, signal.SIGTERM)
        while self._running:
            self._reap(0)

    def _end(self, *_: object) -> None:
        self._ending.set()

    def _fork(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)  # a child must not take SIGTERM for its parent's
        pid = os.fork()
        if not pid:
            work()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
        self._running.add(pid)

    def _reap(self, options: int) -> None:
        for pid in list(self._running):
            found, status = os.waitpid(pid, options)
            if found:
                self._running.discard(pid)
                print(f"worker {pid} ended with {os.waitstatus_to_exitcode(status)}", flush=True)


def work() -> None:
    """Be `manage.py worker`; never return."""
    from django.core.management import call_command

    status = 1
    for name in _ENDING:
        signal.signal(name, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    try:
        call_command("worker")
        status = 0
    finally:
        sys.stdout.flush()
        os._exit(status)


if __name__ == "__main__":
    import django

    django.setup()
    from delivery import worker  # noqa: F401 - before the fork, and with it all that it needs

    Keeper(int(sys.argv[1])).run()
