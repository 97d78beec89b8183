"""Asks the vendors for the rate and the day of their accounts, and tells when a day will be used up."""

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.db.models import F, Q
from django.db.models.functions import Now

from delivery.db import clock
from delivery.models import ProviderQuota
from delivery.routing import configured, quotas
from providers.base import Metered
from providers.errors import ProviderError

_LONGEST: Final = 3.0  # seconds that a worker waits for a first answer
INTERVAL: Final = timedelta(seconds=60)
_AFTER_A_THROTTLE: Final = timedelta(seconds=5)
_WEIGHT: Final = 0.2  # of the last minute, in the pace
_A_DAY: Final = 86_400.0  # seconds
logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class QuotaStatus:
    """What an account may send, how much of it is used, and for how long it lasts."""

    per_second: float | None  # recipients; None: as many as you like
    day: int | None  # recipients in any 24 hours; None: as many as you like
    used: int  # of the day, with what was sent since the vendor counted
    kept_for_high: int  # the last part of the day, for high priority alone
    pace: float  # recipients a second of late
    used_up_at: datetime | None  # at that pace; None: never
    next_takes_over_at: datetime | None  # for normal priority; None: never
    told_at: datetime


def refresh_due() -> None:
    """Ask the vendors whose answer is a minute old, or that wanted us to slow down since; one process asks each."""
    for provider in configured.metered():
        if _take_turn(provider.name):
            refresh(provider)


def ask_first() -> None:
    """Ask the vendors that have never told, before the first mail goes out; a vendor that is slow is not waited for."""
    told = ProviderQuota.objects.filter(told_at__isnull=False).values_list("provider", flat=True)
    asking = [_start(provider) for provider in configured.metered() if provider.name not in set(told)]
    for thread in asking:
        thread.join(_LONGEST)


def refresh(provider: Metered) -> None:
    """Ask a vendor now; what it told before stays if it does not answer."""
    before, _ = ProviderQuota.objects.get_or_create(provider=provider.name)
    try:
        told = provider.allowance()
    except ProviderError as error:
        logger.info("%s does not tell its quota: %s", provider.name, error.detail)
        return
    if told:
        quotas.store(provider.name, told, counted=before.taken, pace=_pace(before))


def of(provider: str) -> QuotaStatus | None:
    """Return what is known of a provider; None: its vendor has not told of a quota."""
    row = ProviderQuota.objects.filter(provider=provider, told_at__isnull=False).first()
    return _status(row) if row else None


def _status(row: ProviderQuota) -> QuotaStatus:
    used = row.used + row.taken - row.counted
    kept = row.day - quotas.allowed(row.day, high=False) if row.day is not None else 0
    return QuotaStatus(
        per_second=row.per_second,
        day=row.day,
        used=used,
        kept_for_high=kept,
        pace=row.pace,
        used_up_at=_reached(row, used, row.day),
        next_takes_over_at=_reached(row, used, row.day - kept if row.day is not None else None),
        told_at=row.told_at or clock.now(),
    )


def _start(provider: Metered) -> threading.Thread:
    thread = threading.Thread(target=_refresh_alone, args=(provider,), name="quota", daemon=True)
    thread.start()
    return thread


def _refresh_alone(provider: Metered) -> None:
    try:
        refresh(provider)
    finally:
        connection.close()


def _take_turn(provider: str) -> bool:
    """Take the turn to ask, if it is due; of all processes one gets it."""
    ProviderQuota.objects.get_or_create(provider=provider)
    throttled = Q(throttled_at__gt=F("asked_at"), asked_at__lte=Now() - _AFTER_A_THROTTLE)
    due = Q(asked_at=None) | Q(asked_at__lte=Now() - INTERVAL) | throttled
    due |= Q(asked_at__gt=Now() + INTERVAL)  # the clock was set back since
    return bool(ProviderQuota.objects.filter(due, provider=provider).update(asked_at=Now()))


def _pace(row: ProviderQuota) -> float:
    """Return the recipients a second, of the time since the vendor was asked last and of the time before it."""
    seconds = (clock.now() - row.told_at).total_seconds() if row.told_at else 0.0
    if seconds < 1:
        return row.pace
    return (1 - _WEIGHT) * row.pace + _WEIGHT * max(row.taken - row.counted, 0) / seconds


def _reached(row: ProviderQuota, used: int, limit: int | None) -> datetime | None:
    """Return when so much of the day is used at this pace; a pace that a day can bear never comes there."""
    if limit is None:
        return None
    if used >= limit:
        return clock.now()
    if row.pace * _A_DAY <= limit:
        return None
    return clock.now() + timedelta(seconds=(limit - used) / row.pace)
