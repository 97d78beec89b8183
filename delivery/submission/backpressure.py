"""Back-pressure: emails are refused while the queue or a disk is nearly full."""

import shutil
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import connection

from delivery.db import compiled
from delivery.models import Email, Team

_FRESH = 1.0  # seconds
_SHARE = 20.0  # a slow reading is made less often: at most a twentieth of the time is spent on it
# Sign-in codes are refused last: high priority may exceed the limit of the queue by a tenth, and a team that has less
# than a hundredth of the queue by two, for it is another one that has filled it.
_RESERVE, _OF_OTHERS, _LITTLE = 1.1, 1.2, 100
_MIB: Final = 1024 * 1024


class Overloaded(Exception):
    """No further email can be accepted now."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The load, measured a moment ago."""

    waiting: int = 0  # emails that are due, counted up to the last limit
    short_of_room: tuple[str, ...] = ()  # attachments, journal, database: those on a disk that is nearly full

    @property
    def queue_is_full(self) -> bool:
        """Tell whether emails of normal priority are refused."""
        return self.waiting >= settings.GOMAIL_QUEUE_MAX

    @property
    def nothing_fits(self) -> bool:
        """Tell whether emails of high priority are refused, too."""
        return self.waiting >= _limit(_RESERVE)


class _Gauge:
    """Measures the load at most once a second, in one thread; the others use the last reading, or an empty one.

    They never wait for a reading: while the database is away, each would wait for all the threads before it.
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
        found = Reading(waiting=_count(), short_of_room=short_of_room())
        now = time.monotonic()
        self._good_until = now + max(_FRESH, _SHARE * (now - begun))
        return found


_gauge = _Gauge()
_DUE = compiled.Count(Email.objects.due)


def reading() -> Reading:
    """Return the load; the reading is about a second old at most, unless measuring is slow."""
    return _gauge.reading()


def forget() -> None:
    """Discard the last reading."""
    _gauge.forget()


def refuse_if_too_high(priority: str, team: Team | None = None) -> None:
    """Raise Overloaded if an email of this priority and this team cannot be accepted."""
    found = reading()
    full = found.nothing_fits if priority == Email.Priority.HIGH else found.queue_is_full
    if found.short_of_room or (full and not _has_little(team, found.waiting)):
        raise Overloaded


def short_of_room() -> tuple[str, ...]:
    """Return what lies on a disk that is nearly full: attachments, journal, database."""
    places = {"attachments": settings.GOMAIL_STORAGE_DIR, "journal": settings.GOMAIL_JOURNAL_DIR}
    if connection.vendor == "sqlite":
        places["database"] = str(Path(connection.settings_dict["NAME"]).parent)
    return tuple(name for name, folder in places.items() if _is_short(Path(folder)))


def _has_little(team: Team | None, waiting: int) -> bool:
    """Tell whether there is room, and little of it is this team's; asked while the queue is full."""
    if team is None or waiting >= _limit(_OF_OTHERS):
        return False
    most = max(1, settings.GOMAIL_QUEUE_MAX // _LITTLE)
    mine = Email.objects.due().order_by().filter(team=team, priority__in=Email.Priority.values)
    return mine.values("pk")[:most].count() < most


def _limit(times: float) -> int:
    return int(settings.GOMAIL_QUEUE_MAX * times)


def _count() -> int:
    return _DUE.run(most=_limit(_OF_OTHERS))


def _is_short(folder: Path) -> bool:
    with suppress(OSError):  # a folder that cannot be read will show when something is written there
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent  # the folder is made when it is needed
        return shutil.disk_usage(folder).free < settings.GOMAIL_DISK_MIN_MB * _MIB
    return False
