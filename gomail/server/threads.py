"""The worker threads of a web process. A thread that is idle for 5 seconds closes its database connection.

The thread that was idle for the shortest time gets the next job, so only as many threads hold connections as work at
the same time: other processes, above all a delivery worker, may be waiting for one.
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
    of_few: bool = False

    def do(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self.future.set_result(self.function(*self.arguments))
        except BaseException as error:  # noqa: BLE001 - raised again by result()
            self.future.set_exception(error)


_Inbox = SimpleQueue[_Job | None]  # of one thread; None: shut down


class ThreadPool:
    """A pool of threads, started on demand up to a limit; the last idle one is used first."""

    def __init__(self, threads: int) -> None:
        """Take the limit; no thread is started yet."""
        self._most = threads
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._idle: list[_Inbox] = []  # a stack: last in, first out
        self._waiting: deque[_Job] = deque()
        self._few_waiting: deque[_Job] = deque()
        self._few_most, self._few_busy = min(threads, max(2, threads // 4)), 0
        self._over = False

    def submit(self, function: Callable[..., T], *arguments: Any) -> "Future[T]":
        """Call the function in a thread, as soon as one is free."""
        return self._take(_Job(Future(), function, arguments))

    def submit_to_few(self, function: Callable[..., T], *arguments: Any) -> "Future[T]":
        """Call a function of the kind that may use a quarter of the threads only, but at least two."""
        return self._take(_Job(Future(), function, arguments, of_few=True))

    def _take(self, job: _Job) -> "Future[Any]":
        with self._lock:
            if self._over:
                raise RuntimeError("This process takes no further work.")
            if not job.of_few:
                self._place(job)
            elif self._few_busy < self._few_most:
                self._few_busy += 1
                self._place(job)
            else:
                self._few_waiting.append(job)
        return job.future

    def _place(self, job: _Job) -> None:
        if self._idle:
            self._idle.pop().put(job)
        elif len(self._threads) < self._most:
            self._start(job)
        else:
            self._waiting.append(job)

    def _done(self, job: _Job) -> None:
        """Start the next job of that kind when one of them has ended."""
        if not job.of_few:
            return
        with self._lock:
            if self._few_waiting:
                self._place(self._few_waiting.popleft())
            else:
                self._few_busy -= 1

    def shutdown(self) -> None:
        """Accept no further jobs, and wait until all are done."""
        with self._lock:
            self._over = True
            idle, self._idle = self._idle, []
        for inbox in idle:
            inbox.put(None)
        for thread in self._threads:
            thread.join()

    def _start(self, first: _Job) -> None:
        name = f"work-{len(self._threads)}"
        thread = threading.Thread(target=self._work, args=(first,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self, job: _Job | None) -> None:
        inbox: _Inbox = SimpleQueue()
        while job:
            job.do()
            self._done(job)
            job = self._next(inbox)
        _give_connections_back()

    def _next(self, inbox: _Inbox) -> _Job | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            if self._over:
                return None
            self._idle.append(inbox)
        try:
            return inbox.get(timeout=REST_SECONDS)
        except Empty:
            _give_connections_back()
            return inbox.get()


def _give_connections_back() -> None:
    with suppress(Error):  # a connection that cannot be closed is broken and discarded anyway
        connections.close_all()
