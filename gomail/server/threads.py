"""Threads that do the work of a web process. Whoever has none for some seconds gives its database connection back.

The thread that has rested the shortest gets the next job, so that as many threads have connections as are needed at the
same time, and not as many as there are: others, above all a worker, may be waiting for one.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

from django.db import Error, connections

REST_SECONDS = 5.0
T = TypeVar("T")


class _Job(NamedTuple):
    future: "Future[Any]"
    function: Callable[..., Any]
    arguments: tuple[Any, ...]

    def do(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self.future.set_result(self.function(*self.arguments))
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            self.future.set_exception(error)


_Inbox = SimpleQueue[_Job | None]  # of one thread; None: the work is over


class ThreadPool:
    """Up to so many threads, each made when it is needed first."""

    def __init__(self, threads: int) -> None:
        """Make none yet."""
        self._most = threads
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._resting: list[_Inbox] = []  # the last to rest is the first to work
        self._waiting: deque[_Job] = deque()
        self._over = False

    def submit(self, function: Callable[..., T], *arguments: Any) -> "Future[T]":
        """Have a thread call the function, as soon as one is free."""
        job = _Job(Future(), function, arguments)
        with self._lock:
            if self._over:
                raise RuntimeError("This process takes no further work.")
            if self._resting:
                self._resting.pop().put(job)
            elif len(self._threads) < self._most:
                self._hire(job)
            else:
                self._waiting.append(job)
        return job.future

    def shutdown(self) -> None:
        """Take nothing more, and wait until all is done."""
        with self._lock:
            self._over = True
            resting, self._resting = self._resting, []
        for inbox in resting:
            inbox.put(None)
        for thread in self._threads:
            thread.join()

    def _hire(self, first: _Job) -> None:
        name = f"work-{len(self._threads)}"
        thread = threading.Thread(target=self._work, args=(first,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self, job: _Job | None) -> None:
        inbox: _Inbox = SimpleQueue()
        while job:
            job.do()
            job = self._next(inbox)
        _give_connections_back()

    def _next(self, inbox: _Inbox) -> _Job | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            if self._over:
                return None
            self._resting.append(inbox)
        try:
            return inbox.get(timeout=REST_SECONDS)
        except Empty:
            _give_connections_back()
            return inbox.get()


def _give_connections_back() -> None:
    with suppress(Error):  # what cannot be closed is broken, and gone with its object
        connections.close_all()
