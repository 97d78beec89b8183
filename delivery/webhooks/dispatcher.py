"""The dispatcher: posts what is due, many calls at a time, and talks to the database in one thread.

Threads that wait for endpoints hold no connection to the database, so there may be many of them: what keeps one slow
endpoint from delaying another. A process that dies leaves claims that end with their leases (claims).
"""

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from django.db import IntegrityError

from delivery.models import WebhookMessage
from delivery.webhooks import calls, claims
from delivery.webhooks.calls import Made
from delivery.webhooks.turns import Turns

_THREADS: Final = 64
_IDLE_SECONDS: Final = 0.5
_GATHER_SECONDS: Final = 0.01  # calls that end together are written down together
log = logging.getLogger(__name__)


class Dispatcher:
    """The calls of this process. One thread uses it, and calls `step` again and again."""

    def __init__(self, threads: int = _THREADS) -> None:
        """Make up to this many calls at the same time; the threads start when there is something to do."""
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="webhook")
        self._turns = Turns(threads)
        self._under_way: dict[Future[Made], WebhookMessage] = {}
        self._unrecorded: list[Made] = []  # also while the database is away
        self._over = threading.Event()  # some call

    def step(self) -> int:
        """Write down the calls that are over, and begin others; return how many were begun."""
        self._record()
        room = self._turns.room(claims.endpoints())
        messages = claims.take(room) if room else []
        for message in messages:
            self._begin(message)
        return len(messages)

    def wait(self) -> None:
        """Wait until a call is over, and a moment for others, or half a second."""
        if self._over.wait(_IDLE_SECONDS):
            time.sleep(_GATHER_SECONDS)
        self._over.clear()

    def finish(self) -> None:
        """Wait for the calls under way, 15 s at most, and write them down."""
        self._pool.shutdown()
        self._record()

    def _begin(self, message: WebhookMessage) -> None:
        self._turns.begin(message.endpoint_id)
        call = self._pool.submit(calls.make, message)
        self._under_way[call] = message
        call.add_done_callback(lambda _: self._over.set())

    def _record(self) -> None:
        for call in [call for call in self._under_way if call.done()]:
            self._end(call, self._under_way.pop(call))
        if self._unrecorded:
            self._record_all()
            self._unrecorded = []

    def _record_all(self) -> None:
        try:
            calls.record(self._unrecorded)
        except IntegrityError:
            self._record_each()

    def _record_each(self) -> None:
        """Write them down one by one: of some the message is gone, pruned or by an older state of the database."""
        while self._unrecorded:
            try:
                calls.record(self._unrecorded[:1])
            except IntegrityError:
                log.warning("Webhook %s is not on record any more", self._unrecorded[0].message.pk)
            del self._unrecorded[0]

    def _end(self, call: "Future[Made]", message: WebhookMessage) -> None:
        made = None if call.exception() else call.result()
        if made:
            self._unrecorded.append(made)
        else:
            log.error("Webhook %s could not be posted", message.pk, exc_info=call.exception())
        took, taken = (made.seconds, made.was_taken) if made else (0.0, False)
        self._turns.end(message.endpoint_id, seconds=took, taken=taken)
