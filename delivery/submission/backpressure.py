"""Whether GoMail may promise more: how much is waiting, and how much room is left on its disks."""

import shutil
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import connection

from delivery.models import Email

_FRESH = 1.0  # seconds
_SHARE = 20.0  # a reading that takes long is made more seldom: at most a twentieth of the time goes into it
_RESERVE = 1.1  # of the queue, above its mark, for high priority: sign-in codes come last to be refused
_MIB: Final = 1024 * 1024


class Overloaded(Exception):
    """More than this cannot be promised now."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How things stood a moment ago."""

    waiting: int = 0  # emails that are due; counted no further than what matters
    short_of_room: tuple[str, ...] = ()  # what lies on a disk that is nearly full

    @property
    def queue_is_full(self) -> bool:
        """Tell whether emails of normal priority are refused."""
        return self.waiting >= settings.GOMAIL_QUEUE_MAX

    @property
    def nothing_fits(self) -> bool:
        """Tell whether those of high priority are refused as well."""
        return self.waiting >= _limit()


class _Gauge:
    """Reads at most once a second, in one thread; the others go on with what was read last, or with nothing.

    They wait for no reading: behind a database that is away each would wait for all those before it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reading: Reading | None = None
        self._good_until = 0.0

    def reading(self) -> Reading:
        last = self._reading
        if last and time.monotonic() < self._good_until:
            return last
        if self._lock.acquire(blocking=False):
            try:
                self._reading = last = self._read()
            finally:
                self._lock.release()
        return last or Reading()

    def forget(self) -> None:
        self._reading = None

    def _read(self) -> Reading:
        begun = time.monotonic()
        found = Reading(waiting=_count(), short_of_room=_short_of_room())
        now = time.monotonic()
        self._good_until = now + max(_FRESH, _SHARE * (now - begun))
        return found


_gauge = _Gauge()


def reading() -> Reading:
    """Return how things stand, as of a second ago or so."""
    return _gauge.reading()


def forget() -> None:
    """Read anew next time."""
    _gauge.forget()


def refuse_if_too_high(priority: str) -> None:
    """Raise Overloaded rather than promise what may not be kept."""
    found = reading()
    full = found.nothing_fits if priority == Email.Priority.HIGH else found.queue_is_full
    if full or found.short_of_room:
        raise Overloaded


def _limit() -> int:
    return int(settings.GOMAIL_QUEUE_MAX * _RESERVE)


def _count() -> int:
    return Email.objects.due().order_by().values("pk")[: _limit()].count()


def _short_of_room() -> tuple[str, ...]:
    places = {"attachments": settings.GOMAIL_STORAGE_DIR, "journal": settings.GOMAIL_JOURNAL_DIR}
    if connection.vendor == "sqlite":
        places["database"] = str(Path(connection.settings_dict["NAME"]).parent)
    return tuple(name for name, folder in places.items() if _is_short(Path(folder)))


def _is_short(folder: Path) -> bool:
    with suppress(OSError):  # what cannot be looked at is found out by whoever writes there
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent  # it is made when it is needed
        return shutil.disk_usage(folder).free < settings.GOMAIL_DISK_MIN_MB * _MIB
    return False
