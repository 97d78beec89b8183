"""This process's part of a provider's rate: moments at which one recipient each may be written to.

A process takes as many at a time as it has used of the last ones, and twice as many if it used all: so most emails
cost no statement while there are many, and a process that is killed loses few. A moment that has passed is lost.
"""

import math
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Final

from delivery.db import clock
from delivery.routing import quotas
from delivery.routing.quotas import Reading

A_SECOND: Final = 1_000_000_000  # nanoseconds
_LATE: Final = 40_000_000  # a mail may be late by so much; see quotas.SHARE
# How far the line may reach into the future before somebody takes a piece of it. So high priority waits for half a
# second at most while others take all that there is.
_AHEAD: Final = {False: A_SECOND // 2, True: A_SECOND}
# The same for one that is exchanged: an attempt is under way, and its claim must not end before its answer has come.
_AHEAD_AGAIN: Final = 5 * A_SECOND
_MOST: Final = 8  # moments at a time: several processes must send side by side
_LONGEST: Final = A_SECOND // 4  # of one piece
_FRESH: Final = 1.0  # seconds
_NEVER_LATER: Final = 60 * A_SECOND


@dataclass(frozen=True, kw_only=True)
class Slot:
    """The moment at which an email may be sent, by the database's clock in nanoseconds."""

    at: int
    recipients: int = 1


class Line:
    """The moments of one provider that this process has, and what it knows of the others."""

    def __init__(self, provider: str, most_recipients: int) -> None:
        """Take the provider's name, and the most recipients of one mail."""
        self._provider, self._most_recipients = provider, most_recipients
        self._lock = threading.Lock()
        self._spare: deque[Slot] = deque()
        self._size, self._lost = 1, 0
        self._known: Reading | None = None
        self._read_at = -math.inf

    def known(self) -> Reading | None:
        """Return the quota, read a second ago at most; None: there is none."""
        with self._lock:
            if time.monotonic() - self._read_at > _FRESH:
                self._look()
            return self._known

    def take(self, recipients: int, *, high: bool) -> Slot | None:
        """Take the next moment for so many recipients, if there is one within the line's reach."""
        with self._lock:
            if recipients == 1 and (slot := self._next()):
                return slot
            if self._is_known_not_to_have(recipients, high):
                return None
            return self._lease(recipients, high, _AHEAD[high])

    def renew(self, slot: Slot, *, high: bool) -> Slot:
        """Return another moment for a slot that has passed for too long, else the slot itself; so if none is near."""
        if not self._has_passed(slot):
            return slot
        fresh = None
        with self._lock:
            self._lost += slot.recipients
            try:
                fresh = self._lease(slot.recipients, high, _AHEAD_AGAIN)
            finally:
                self._lost -= 0 if fresh else slot.recipients  # it is used, though late
        return fresh or slot

    def give_back(self, slot: Slot) -> None:
        """Put back a moment that was not used, for the next email of this process."""
        with self._lock:
            if slot.recipients == 1:
                self._spare = deque(sorted((*self._spare, slot), key=lambda spare: spare.at))
            else:
                self._lost += slot.recipients

    def free_at(self, recipients: int, *, high: bool) -> int | None:
        """Return when it is worth asking again, as far as is known; None: the day has no room for this priority."""
        known = self._known
        if known is None or not self._has_room(known, recipients, high):
            return None
        return known.next_at - _AHEAD[high]

    def _next(self) -> Slot | None:
        while self._spare and self._has_passed(self._spare[0]):
            self._spare.popleft()
            self._lost += 1
            self._size = max(1, self._size - 1)
        return self._spare.popleft() if self._spare else None

    def _has_passed(self, slot: Slot) -> bool:
        """Tell whether it is too late for a moment; without a rate it never is."""
        paced = self._known is None or self._known.every > 0
        return paced and clock.nanoseconds() > slot.at + _LATE

    def _is_known_not_to_have(self, recipients: int, high: bool) -> bool:
        known = self._known
        if known is None or time.monotonic() - self._read_at > _FRESH:
            return False
        full = not self._has_room(known, recipients, high)
        return full or known.next_at > clock.nanoseconds() + _AHEAD[high]

    def _has_room(self, known: Reading, recipients: int, high: bool) -> bool:
        """Tell whether the day has; what this process has lost of it is given out again."""
        return known.has_room(recipients - self._lost, high=high)

    def _lease(self, recipients: int, high: bool, ahead: int) -> Slot | None:
        wanted = recipients if recipients > 1 else self._wanted(high)
        for number in dict.fromkeys((wanted, recipients)):
            found = quotas.take(self._provider, number, unused=self._lost, high=high, ahead=ahead)
            if found:
                return self._keep(found, number, recipients)
            self._look()
            if self._known and self._has_room(self._known, number, high):
                break  # it is the rate that has no room
        return None

    def _wanted(self, high: bool) -> int:
        """Return how many moments to take: what is kept for high priority is taken one by one."""
        known = self._known
        if known is None or (high and not known.has_room(_MOST, high=False)):
            return 1
        longest = max(1, _LONGEST // known.every) if known.every else _MOST
        return min(self._size, _MOST, longest)

    def _keep(self, found: Reading, taken: int, recipients: int) -> Slot:
        self._know(found)
        self._lost = 0
        self._size = min(2 * taken, _MOST)
        begin = found.next_at - taken * found.every
        if recipients == 1:
            self._spare.extend(Slot(at=begin + number * found.every) for number in range(1, taken))
        return Slot(at=begin, recipients=recipients)

    def _look(self) -> None:
        found = quotas.read(self._provider)
        self._know(found if found and found.limits_something else None)
        if found and found.next_at > clock.nanoseconds() + self._longest_line(found):
            quotas.cut(self._provider, self._longest_line(found))

    def _know(self, found: Reading | None) -> None:
        self._known, self._read_at = found, time.monotonic()

    def _longest_line(self, known: Reading) -> int:
        return _NEVER_LATER + self._most_recipients * known.every
