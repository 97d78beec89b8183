"""What every process does about erasures now and then, and what a worker does."""

import logging
import random
import threading
import time
from collections.abc import Collection
from datetime import timedelta
from typing import Final
from uuid import UUID

from delivery.db import clock, ids
from delivery.db.outages import AWAY
from delivery.erasure import forget, journals
from delivery.models import Erasure

_HOUR: Final = 3600.0  # seconds
_SECONDS: Final = 2.0  # of a worker's round for all of them: it rescues orphans, too
_REMEMBERED: Final = timedelta(days=35)  # an erasure may take weeks; the journal's lines are kept for one
log = logging.getLogger(__name__)


class _Overwritten:
    """The erasures that this process has carried to the journal of its machine, within this hour.

    A process that slept may have written a late answer about such a person meanwhile.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.known: set[UUID] = set()
        self.since = time.monotonic()

    def begin_anew_each_hour(self) -> None:
        if time.monotonic() - self.since > _HOUR:
            self.known, self.since = set(), time.monotonic()


_overwritten = _Overwritten()


def look() -> None:
    """Overwrite in this machine's journal who was erased on any machine since this process has looked last."""
    done = Erasure.objects.filter(finished_at__isnull=False, pk__gt=ids.floor(clock.now() - _REMEMBERED))
    _overwritten.begin_anew_each_hour()
    news = [each for each in done if each.pk not in _overwritten.known]
    if news:
        with _overwritten.lock:
            journals.overwrite(news)
            _remember(news)


def go_on() -> None:
    """Go on with what is unfinished, in any order, as long as a worker may be kept by all of them together."""
    until, several = time.monotonic() + _SECONDS, forget.unfinished()
    random.shuffle(several)  # one that takes long, or fails, is not always the first
    for erasure in several:
        if (seconds := until - time.monotonic()) > 0:
            _go_on_with(erasure, seconds)


def _go_on_with(erasure: Erasure, seconds: float) -> None:
    try:
        forget.run(erasure, seconds=seconds)
    except AWAY:
        raise
    except Erasure.DoesNotExist:
        log.info("Erasure %s has gone with its team", erasure.pk)
    except Exception:
        log.exception("Erasure %s could not go on; it is tried again", erasure.pk)


def _remember(news: Collection[Erasure]) -> None:
    _overwritten.known |= {each.pk for each in news}
