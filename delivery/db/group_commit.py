"""Group commit: what many threads ask of the database at the same moment is asked by one of them, in one transaction.

Every thread waits until its own part is durable, as it would alone. A group is made of those who came while the group
before was at work. Where several have just come it waits a moment for more; a thread that comes alone waits for nobody.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

from delivery.db.outages import AWAY

Part = TypeVar("Part")
Answer = TypeVar("Answer")
_MOST = 50  # parts of one group
_MOMENT = 0.002  # seconds; about what a transaction takes
_CROWD = 0.05  # seconds for which a group of several says that more will come


class _Call(Generic[Part, Answer]):
    """One thread's part, and what became of it."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.woken = threading.Event()
        self.answers: list[Answer] = []  # one, once it is there
        self.alone = False  # nothing was done: each finds out for itself whether it was the reason
        self.error: BaseException | None = None  # nobody knows what was done

    @property
    def is_over(self) -> bool:
        return bool(self.answers or self.alone or self.error)


class GroupCommit(Generic[Part, Answer]):
    """Does an action for the threads of this process; it takes parts and returns their answers in order."""

    def __init__(self, action: Callable[[Sequence[Part]], Sequence[Answer]]) -> None:
        """Take what is to be done for a whole group, in one transaction."""
        self._action = action
        self._lock = threading.Lock()
        self._waiting: list[_Call[Part, Answer]] = []
        self._at_work = False
        self._crowded_until = 0.0

    def ask(self, part: Part) -> Answer:
        """Return the answer for this part; raise what the action raises for it alone."""
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
            leads, self._at_work = not self._at_work, True
            return leads

    def _lead(self, mine: _Call[Part, Answer]) -> None:
        """Act for those who wait, this thread first among them; then let the next one lead."""
        try:
            if time.monotonic() < self._crowded_until:
                time.sleep(_MOMENT)
            with self._lock:
                calls, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            self._act(calls)
            if len(calls) > 1:
                self._crowded_until = time.monotonic() + _CROWD
        finally:
            with self._lock:
                with suppress(ValueError):  # there still if this thread was ended while it waited
                    self._waiting.remove(mine)
                self._at_work = bool(self._waiting)
                if self._waiting:
                    self._waiting[0].woken.set()

    def _act(self, calls: list[_Call[Part, Answer]]) -> None:
        try:
            answers = self._action([call.part for call in calls])
            for call, answer in zip(calls, answers, strict=True):
                call.answers.append(answer)
        except Exception as error:  # noqa: BLE001 - each of the threads raises it, or meets its own
            for call in calls:
                # After AWAY the transaction may be there all the same; any other failure has done nothing.
                call.alone = len(calls) > 1 and not isinstance(error, AWAY)
                call.error = None if call.alone else error
        finally:
            for call in calls:
                call.woken.set()
