"""Tell the workers of many machines that an email is there, where there is a broker (docs/decisions/0013).

The email's row is its place in the queue; a message only says that it is worth a look. So a message may get lost or
come twice, and whoever accepts an email never waits for the broker: a thread of the process does.
"""

import atexit
import logging
import os
import queue
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from delivery.models import Email
from delivery.queue import broker
from delivery.queue.broker import Notice

_MOST_WAITING = 20_000  # notices in memory while the broker is slow
_AT_A_TIME = 500
_IDLE_SECONDS = 30.0  # then the connection is closed: none is found half dead after a quiet night
_PAUSE_SECONDS = 10.0  # after a failure nothing is tried, and only the first is logged
_LAST_WORDS_SECONDS = 2.0  # for what is still in memory when the process ends
log = logging.getLogger(__name__)


def notify(emails: Iterable[Email]) -> None:
    """Tell the workers of what is due, once it is committed; without a broker they look for themselves."""
    if not settings.CELERY_BROKER_URL:
        return
    now = timezone.now()
    due = [(email.priority, str(email.pk)) for email in emails if email.due_at and email.due_at <= now]
    if due:
        transaction.on_commit(partial(_notifier.tell, due), robust=True)


class Notifier:
    """Passes notices on to the broker, in a thread that begins with the first one.

    While the broker is away they are dropped, and it is left alone for some seconds: the sweep finds the emails.
    """

    def __init__(self) -> None:
        """Do nothing yet."""
        self._waiting: queue.Queue[Notice] = queue.Queue(_MOST_WAITING)
        self._beginning = threading.Lock()
        self._thread: threading.Thread | None = None
        self._connection: Any = None
        self._paused_until = 0.0
        self._dropped = 0

    def tell(self, notices: Iterable[Notice]) -> None:
        """Have them passed on; this neither waits nor fails."""
        self._begin()
        for notice in notices:
            try:
                self._waiting.put_nowait(notice)
            except queue.Full:
                self._dropped += 1

    def finish(self, seconds: float) -> None:
        """Wait until everything has been passed on or dropped, but no longer than this."""
        give_up = time.monotonic() + seconds
        while self._waiting.unfinished_tasks and time.monotonic() < give_up:
            time.sleep(0.01)

    def _begin(self) -> None:
        with self._beginning:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="notifier", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            some = self._take()
            if some:
                self._pass_on(some)
            else:
                self._close()
            for _ in some:
                self._waiting.task_done()

    def _take(self) -> list[Notice]:
        """Return what is waiting; nothing after a quiet while."""
        some: list[Notice] = []
        with suppress(queue.Empty):
            some.append(self._waiting.get(timeout=_IDLE_SECONDS))
            while len(some) < _AT_A_TIME:
                some.append(self._waiting.get_nowait())
        return some

    def _pass_on(self, some: list[Notice]) -> None:
        if time.monotonic() < self._paused_until:
            self._dropped += len(some)
            return
        try:
            self._connection = self._connection or broker.connection()
            broker.publish(some, self._connection)
        except Exception:  # whatever it is must not end the thread, which would notify nobody any more
            self._paused_until = time.monotonic() + _PAUSE_SECONDS
            self._dropped += len(some)
            log.exception("The broker cannot be told of emails; the sweep will find them")
            self._close()
        else:
            self._say_what_was_dropped()

    def _say_what_was_dropped(self) -> None:
        dropped, self._dropped = self._dropped, 0
        if dropped:
            log.warning(
                "The broker is back; it was not told of about %d emails, the sweep finds them", dropped
            )

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.collect()  # closes without asking a broker that may be dead


def _begin_anew() -> None:
    global _notifier  # noqa: PLW0603 - the child of a fork has none of its parent's threads
    _notifier = Notifier()


_notifier = Notifier()
os.register_at_fork(after_in_child=_begin_anew)
atexit.register(lambda: _notifier.finish(_LAST_WORDS_SECONDS))
