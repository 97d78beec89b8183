"""The lookout: of all workers one looks for troubles and tells people; another takes over within seconds if it dies."""

import time
from datetime import timedelta
from typing import Final

from django.db.models import Q
from django.db.models.functions import Now

from delivery import process
from delivery.models import Lookout

LEASE: Final = timedelta(seconds=15)
_RENEWED: Final = 5.0  # seconds, by this process's clock


class _Memory:
    """When this process has renewed the lease last."""

    at = float("-inf")


def hold() -> bool:
    """Take or keep the turn of this process; tell whether it has it."""
    if time.monotonic() - _Memory.at < _RENEWED:
        return True
    begun = time.monotonic()
    has_it = _take() or (_made() and _take())
    _Memory.at = begun if has_it else float("-inf")
    return has_it


def leave() -> None:
    """Let another process take over at once."""
    _Memory.at = float("-inf")
    Lookout.objects.filter(holder=process.identity()).update(holder=None, lease_until=None)


def _take() -> bool:
    now = Now()
    over = Q(lease_until=None) | Q(lease_until__lte=now) | Q(lease_until__gt=now + 2 * LEASE)
    rows = Lookout.objects.filter(over | Q(holder=process.identity()), pk=Lookout.THE_ONE)
    return bool(rows.update(holder=process.identity(), lease_until=now + LEASE))


def _made() -> bool:
    return Lookout.objects.get_or_create(pk=Lookout.THE_ONE)[1]
