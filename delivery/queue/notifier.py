"""Notifies workers of due emails through the broker, if there is one (docs/decisions/0013).

The email's row is its place in the queue; a message is only a hint to look at it. So a message may be lost or
duplicated, and accepting an email never waits for the broker: a background thread publishes.
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

from delivery.db import clock
from delivery.models import Email
from delivery.queue import broker
from delivery.queue.broker import Notice

_MOST_WAITING = 20_000  # notices in memory while the broker is slow
_AT_A_TIME = 500
_IDLE_SECONDS = 30.0  # then the connection is closed: an idle one may be dead without notice
_PAUSE_SECONDS = 10.0  # without another try after a failure; only the first failure is logged
_FLUSH_SECONDS = 2.0  # for the notices still in memory when the process ends
log = logging.getLogger(__name__)


def notify(emails: Iterable[Email]) -> None:
    """Notify the workers of the due emails among these after the commit; without a broker, do nothing.

    Those of mailings are looked for by a thread of their workers, which takes many at once.
    """
    if not settings.CELERY_BROKER_URL:
        return
    now = clock.now()
    told = (email for email in emails if email.priority in broker.LANES)
    due = [(email.priority, str(email.pk)) for email in told if email.due_at and email.due_at <= now]
    if due:
        transaction.on_commit(partial(_notifier.tell, due), robust=True)


def again(lane: str, pk: object) -> None:
    """Put the message of an email that waits for its turn behind all others; without a broker, do nothing."""
    if settings.CELERY_BROKER_URL:
        _notifier.tell([(lane, str(pk))])


class Notifier:
    """Publishes notices in a background thread, started by the first one.

    While the broker is away, notices are dropped, and it is tried again only after 10 s: the sweep finds the emails.
    """

    def __init__(self) -> None:
        """Start without a thread and without a connection."""
        self._waiting: queue.Queue[Notice] = queue.Queue(_MOST_WAITING)
        self._beginning = threading.Lock()
        self._thread: threading.Thread | None = None
        self._connection: Any = None
        self._paused_until = 0.0
        self._dropped = 0

    def tell(self, notices: Iterable[Notice]) -> None:
        """Queue notices for publishing; this neither waits nor raises."""
        self._begin()
        for notice in notices:
            try:
                self._waiting.put_nowait(notice)
            except queue.Full:
                self._dropped += 1

    def finish(self, seconds: float) -> None:
        """Wait until all notices are published or dropped, at most this long."""
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
                self._publish(some)
            else:
                self._close()
            for _ in some:
                self._waiting.task_done()

    def _take(self) -> list[Notice]:
        """Return up to 500 queued notices; none after 30 idle seconds."""
        some: list[Notice] = []
        with suppress(queue.Empty):
            some.append(self._waiting.get(timeout=_IDLE_SECONDS))
            while len(some) < _AT_A_TIME:
                some.append(self._waiting.get_nowait())
        return some

    def _publish(self, some: list[Notice]) -> None:
        if time.monotonic() < self._paused_until:
            self._dropped += len(some)
            return
        try:
            self._connection = self._connection or broker.connection()
            broker.publish(some, self._connection)
        except Exception:  # nothing may end the thread: no email would be announced any more
            self._paused_until = time.monotonic() + _PAUSE_SECONDS
            self._dropped += len(some)
            log.exception("Notices of due emails cannot be published; the sweep will find the emails")
            self._close()
        else:
            self._log_dropped()

    def _log_dropped(self) -> None:
        dropped, self._dropped = self._dropped, 0
        if dropped:
            log.warning(
                "The broker is back; about %d notices were dropped, the sweep finds the emails", dropped
            )

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.collect()  # closes without waiting for a broker that may be dead


def _begin_anew() -> None:
    global _notifier  # noqa: PLW0603 - a forked child has none of its parent's threads
    _notifier = Notifier()


_notifier = Notifier()
os.register_at_fork(after_in_child=_begin_anew)
atexit.register(lambda: _notifier.finish(_FLUSH_SECONDS))
