"""The worker threads of a web process. A thread that is idle for 5 seconds closes its database connection.

No team gets all of them (delivery/queue/shares): what is over its share waits, and a team that has none goes first.

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

from delivery.queue.shares import UnderWay

REST_SECONDS = 5.0
T = TypeVar("T")


class _Few:
    """A kind of jobs that may use some of the threads only; the lock of the pool guards it."""

    def __init__(self, most: int) -> None:
        self.most, self.busy = most, 0
        self.waiting: deque[_Job] = deque()

    def has_room(self) -> bool:
        """Count one more if there is room."""
        self.busy += (room := self.busy < self.most)
        return room

    def following(self) -> "_Job | None":
        """Return the next one when one has ended; without any, count one less."""
        if self.waiting:
            return self.waiting.popleft()
        self.busy -= 1
        return None


class _Job(NamedTuple):
    future: "Future[Any]"
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    team: int | None = None
    kind: _Few | None = None

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
        self._waiting: deque[_Job] = deque()  # for any thread
        self._over_share: dict[int, deque[_Job]] = {}  # by team; whose turn comes next stands first
        self._busy, self._under_way = 0, UnderWay()
        self._pages, self._hurried = _Few(min(threads, max(2, threads // 4))), _Few(max(1, threads // 16))
        self._over = False

    def submit(self, function: Callable[..., T], *arguments: Any, team: int | None = None) -> "Future[T]":
        """Call the function in a thread as soon as one is free, and is the team's share if it is for one."""
        return self._take(_Job(Future(), function, arguments, team=team))

    def submit_to_few(self, function: Callable[..., T], *arguments: Any) -> "Future[T]":
        """Call a function of the kind that may use a quarter of the threads only, but at least two."""
        return self._take(_Job(Future(), function, arguments, kind=self._pages))

    def holds_back(self, team: int | None) -> bool:
        """Tell whether something of this team waits for its share."""
        return team in self._over_share

    def hurry(self, future: "Future[Any]", team: int | None) -> bool:
        """Let a job that is over its team's share begin: it will be short. False: it waits for no share (any more)."""
        with self._lock:
            held = self._over_share.get(team, ()) if team is not None else ()
            found = next((job for job in held if job.future is future), None)
            if found is None or team is None:
                return False
            self._take_out(found, team)
            self._limit(found._replace(kind=self._hurried))
        return True

    def _take(self, job: _Job) -> "Future[Any]":
        with self._lock:
            if self._over:
                raise RuntimeError("This process takes no further work.")
            if job.kind:
                self._limit(job)
            elif job.team is None or self._has_share(job.team):
                self._place(job)
            else:
                self._over_share.setdefault(job.team, deque()).append(job)
        return job.future

    def _limit(self, job: _Job) -> None:
        if job.kind and not job.kind.has_room():
            job.kind.waiting.append(job)
        else:
            self._place(job)

    def _has_share(self, team: int) -> bool:
        return self._under_way.allows(team, free=self._most - self._busy, of=self._most)

    def _place(self, job: _Job) -> None:
        if self._idle:
            self._begin(job)
            self._idle.pop().put(job)
        elif len(self._threads) < self._most:
            self._begin(job)
            self._start(job)
        else:
            self._waiting.append(job)

    def _begin(self, job: _Job) -> _Job:
        self._busy += 1
        self._under_way.begin(job.team)
        return job

    def _end(self, job: _Job) -> None:
        self._busy -= 1
        self._under_way.end(job.team)
        if job.kind and (following := job.kind.following()):
            self._waiting.append(
                following
            )  # for the thread that has just ended this one, if nobody was before

    def _following(self) -> _Job | None:
        """Return what the thread that is free now does next."""
        if self._waiting:
            return self._waiting.popleft()
        if self._over:  # nobody comes any more for whom threads are kept
            team = next(iter(self._over_share), None)
        else:
            team = next(filter(self._has_share, self._over_share), None)
        if team is None:
            return None
        job = self._over_share[team][0]
        self._take_out(job, team)
        return job

    def _take_out(self, job: _Job, team: int) -> None:
        """Let the team stand last among those that wait for threads."""
        jobs = self._over_share.pop(team)
        jobs.remove(job)
        if jobs:
            self._over_share[team] = jobs

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
            job = self._next(job, inbox)
        _give_connections_back()

    def _next(self, done: _Job, inbox: _Inbox) -> _Job | None:
        with self._lock:
            self._end(done)
            if job := self._following():
                return self._begin(job)
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
