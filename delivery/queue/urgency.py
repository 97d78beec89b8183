"""Emails that their deadline would overtake while they wait for a provider's rate: the next provider gets them."""

import threading
import time
from collections import deque
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db.models.functions import Now

from delivery.models import Email
from delivery.routing import governor

_READ_AGAIN: Final = 1.0  # seconds
_SHARE: Final = 20.0  # a slow count is made less often: a twentieth of the time is spent on it
_MOST_COUNTED: Final = 20_000
_MOST: Final = 100


class UrgentEmails:
    """Gives them out to the threads of one process while another provider would take them.

    An email may be given out twice, here or by another process; the claim decides.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self._ready: deque[UUID] = deque()
        self._look_at = 0.0

    def take(self, lane: str) -> UUID | None:
        """Return one of this lane; while one thread reads the database, the others get None instead of waiting."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            if not self._ready and time.monotonic() >= self._look_at:
                self._look(lane)
            return self._ready.popleft() if self._ready else None
        finally:
            self._lock.release()

    def _look(self, lane: str) -> None:
        begun = time.monotonic()
        if governor.another_is_free():
            self._ready.extend(_overtaken(lane))
        now = time.monotonic()
        self._look_at = now + max(_READ_AGAIN, _SHARE * (now - begun))


def _overtaken(lane: str) -> list[UUID]:
    """Return due emails that expire before all that are due could be sent, the first to expire first."""
    due = Email.objects.due().innocent().filter(priority=lane)
    ahead = due.order_by().values("pk")[:_MOST_COUNTED].count()
    wait = timedelta(seconds=governor.seconds_for(ahead))
    soon = due.filter(expires_at__lte=Now() + wait).order_by("expires_at")
    return list(soon.values_list("pk", flat=True)[:_MOST])
