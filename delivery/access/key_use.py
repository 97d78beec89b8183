"""How often a key is used: counted in memory, and written about once a minute. A busy key costs no write a request.

What a process has counted in its last minute is lost if it is killed; in an orderly end it is written. It is a
statistic: that it cannot be written fails no request.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import cache
from typing import Final

from django.db import Error, connection, transaction
from django.db.models import Q

from delivery.db import clock
from delivery.models import ApiKey, KeyDay

_STEP: Final = timedelta(minutes=1)
_Counted = tuple[int, date]  # key, day
log = logging.getLogger(__name__)


class _Uses:
    """What has been counted, and not been written yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counted: Counter[_Counted] = Counter()
        self._written_at = float("-inf")

    def add(self, key: int, now: datetime) -> bool:
        """Count one; tell whether it is time to write."""
        with self._lock:
            self._counted[key, now.date()] += 1
            due = time.monotonic() - self._written_at >= _STEP.total_seconds()
            if due:
                self._written_at = time.monotonic()  # others go on meanwhile
        return due

    def take(self) -> Counter[_Counted]:
        with self._lock:
            counted, self._counted = self._counted, Counter()
        return counted

    def give_back(self, counted: Mapping[_Counted, int]) -> None:
        with self._lock:
            self._counted.update(counted)

    def forget(self) -> None:
        self.take()
        self._written_at = float("-inf")


_uses = _Uses()


def note(key: ApiKey) -> None:
    """Count a use of a key; note when it was last used, and all that was counted, once a minute if that can be done."""
    now = clock.now()
    is_due = _uses.add(key.pk, now)
    try:
        _date(key, now)
        if is_due:
            write()
    except Error:
        _warn_once()


def write() -> None:
    """Add what was counted to the days of its keys."""
    counted = _uses.take()
    if not counted:
        return
    try:
        with transaction.atomic():
            for (key, day), number in sorted(counted.items()):
                _add(key, day, number)
    except Error:
        _uses.give_back(counted)
        raise


def forget() -> None:
    """Forget what was counted; for tests."""
    _uses.forget()
    _warn_once.cache_clear()


def days(key: ApiKey, number: int = 30) -> list[KeyDay]:
    """Return the days on which a key was used, the latest first."""
    return list(key.days.all()[:number])


def _date(key: ApiKey, now: datetime) -> None:
    """Note that a key has been used now, unless it was noted less than a minute ago."""
    if key.last_used_at is None or key.last_used_at < now - _STEP:
        key.last_used_at = now  # for the others that have it in memory: one tries at a time
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - _STEP)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


@cache
def _warn_once() -> None:
    log.warning(
        "The uses of keys cannot be written; requests go on, and it is tried again in a minute", exc_info=True
    )


def _add(key: int, day: date, number: int) -> None:
    """Add to a day's row, unless an older state of the database has come back, which knows no such key."""
    table, keys = (connection.ops.quote_name(model._meta.db_table) for model in (KeyDay, ApiKey))
    statement = (
        f"INSERT INTO {table} (key_id, day, requests) SELECT id, %s, %s FROM {keys} WHERE id = %s "  # noqa: S608 - ours
        f"ON CONFLICT (key_id, day) DO UPDATE SET requests = {table}.requests + excluded.requests"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [day, number, key])
