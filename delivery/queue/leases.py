"""The leases of this process's claims, renewed by its heartbeat."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from delivery import process
from delivery.db import clock
from delivery.models import Email
from delivery.models.email import LEASE

_LONGEST = (
    180.0  # seconds; a round takes a minute at most, so a claim held for longer belongs to a hung thread
)
_held: dict[UUID, float] = {}


@contextmanager
def kept(pk: UUID) -> Iterator[None]:
    """Have the heartbeat renew the lease of an email while it is handed over."""
    mine = keep(pk)
    try:
        yield
    finally:
        drop(pk, mine)


def keep(pk: UUID) -> float:
    """Have the heartbeat renew it from now on; return what `drop` asks for."""
    mine = time.monotonic()
    _held[pk] = mine
    return mine


def drop(pk: UUID, mine: float) -> None:
    """Have it renewed no more, unless another thread of this process has claimed the email meanwhile."""
    if _held.get(pk) == mine:
        del _held[pk]


def renew() -> int:
    """Renew the leases of the emails being handed over; return how many were renewed."""
    youngest = time.monotonic() - _LONGEST
    mine = [pk for pk, since in list(_held.items()) if since > youngest]
    if not mine:
        return 0
    rows = Email.objects.filter(pk__in=mine, worker=process.identity(), status=Email.Status.SENDING)
    # After a jump of the clock a lease that looks over is ours until somebody takes it.
    held = rows if clock.has_jumped(within=LEASE) else rows.filter(lease_until__gt=Now())
    with transaction.atomic():
        # Skips rows that a thread of ours is writing, so that two transactions of many rows never deadlock.
        free = list(held.select_for_update(skip_locked=True).values_list("pk", flat=True))
        return Email.objects.filter(pk__in=free).update(lease_until=Now() + LEASE)
