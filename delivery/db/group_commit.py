"""Group commit: one thread, the leader, does the writes of many threads in one transaction.

Every thread waits until its own part is durable, as it would alone. Calls that arrive while a group is being committed
form the next group. After a group of several the leader waits a moment for more; a call that comes alone never waits.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

from delivery.db.outages import AWAY

Part = TypeVar("Part")
Answer = TypeVar("Answer")
_LARGEST = 50  # parts of one group
_GATHER_SECONDS = 0.002  # about the duration of a transaction
_BUSY_SECONDS = 0.05  # after a group of several: so long more calls are expected


class _Call(Generic[Part, Answer]):
    """One thread's part, and its result."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.woken = threading.Event()
        self.answers: list[Answer] = []  # at most one
        self.alone = False  # the group was rolled back: each thread tries its part alone
        self.error: BaseException | None = None  # the transaction may have been committed or not

    @property
    def is_over(self) -> bool:
        return bool(self.answers or self.alone or self.error)


class GroupCommit(Generic[Part, Answer]):
    """Runs an action for the threads of this process. The action takes parts and returns their answers in order."""

    def __init__(self, action: Callable[[Sequence[Part]], Sequence[Answer]]) -> None:
        """Take the action, which handles a whole group in one transaction."""
        self._action = action
        self._lock = threading.Lock()
        self._waiting: list[_Call[Part, Answer]] = []
        self._has_leader = False
        self._busy_until = 0.0

    def ask(self, part: Part) -> Answer:
        """Return the answer for this part; raise the error that the action raises for this part alone."""
        call = _Call[Part, Answer](part)
        if self._leads(call):
            self._lead(call)
        else:
            call.woken.wait()
            if not call.is_over:
                self._lead(call)
        if call.error:
            raise call.error
        return self._action([part])[0] if call.alone else call.answers[0]

    def _leads(self, call: _Call[Part, Answer]) -> bool:
        with self._lock:
            self._waiting.append(call)
            leads, self._has_leader = not self._has_leader, True
            return leads

    def _lead(self, mine: _Call[Part, Answer]) -> None:
        """Run the action for the waiting calls, then wake the next leader."""
        try:
            if time.monotonic() < self._busy_until:
                time.sleep(_GATHER_SECONDS)
            with self._lock:
                calls, self._waiting = self._waiting[:_LARGEST], self._waiting[_LARGEST:]
            self._act(calls)
            if len(calls) > 1:
                self._busy_until = time.monotonic() + _BUSY_SECONDS
        finally:
            with self._lock:
                with suppress(ValueError):  # still listed if this thread was interrupted while it slept
                    self._waiting.remove(mine)
                self._has_leader = bool(self._waiting)
                if self._waiting:
                    self._waiting[0].woken.set()

    def _act(self, calls: list[_Call[Part, Answer]]) -> None:
        try:
            answers = self._action([call.part for call in calls])
            for call, answer in zip(calls, answers, strict=True):
                call.answers.append(answer)
        except Exception as error:  # noqa: BLE001 - each thread raises it, or runs into its own
            for call in calls:
                # After AWAY the transaction may have been committed; after any other error it was rolled back.
                call.alone = len(calls) > 1 and not isinstance(error, AWAY)
                call.error = None if call.alone else error
        finally:
            for call in calls:
                call.woken.set()
