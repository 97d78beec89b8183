"""Heartbeats of the delivery workers, which also renew the leases of their claims."""

import os
import socket
from datetime import timedelta
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from delivery import process
from delivery.models import Worker
from delivery.queue import leases

BEAT_SECONDS = 15.0  # a quarter of a lease
_LOST = timedelta(seconds=60)  # a worker without a heartbeat for so long is not running
_FORGOTTEN = timedelta(days=1)
_NONE = 0  # threads of a worker whose process has gone


def join(*, threads: int) -> None:
    """Register this process as a worker, and delete workers without a heartbeat for a day."""
    row = {"host": socket.gethostname()[:255], "pid": os.getpid(), "threads": threads, "seen_at": Now()}
    row["started_at"] = Now()
    Worker.objects.update_or_create(pk=process.identity(), defaults={**row, "stopped_at": None})
    Worker.objects.filter(seen_at__lt=Now() - _FORGOTTEN).delete()


def beat(*, threads: int) -> None:
    """Record a heartbeat of this process, and renew the leases of its claims."""
    leases.renew()
    if not Worker.objects.filter(pk=process.identity(), threads__gt=_NONE).update(seen_at=Now()):
        join(threads=threads)


def leave() -> None:
    """Record the shutdown of this process."""
    Worker.objects.filter(pk=process.identity()).update(seen_at=Now(), stopped_at=Now())


def bury(worker: UUID) -> None:
    """Record that the process of a worker is known to have ended without a shutdown: it does not run, and is missed."""
    Worker.objects.filter(pk=worker, stopped_at=None).update(threads=_NONE)


def running() -> QuerySet[Worker]:
    """Return the workers with a heartbeat in the last 60 seconds."""
    return Worker.objects.filter(stopped_at=None, seen_at__gt=Now() - _LOST, threads__gt=_NONE)


def lost() -> QuerySet[Worker]:
    """Return the workers without a heartbeat for 60 seconds that did not say that they shut down."""
    return Worker.objects.filter(stopped_at=None, seen_at__lte=Now() - _LOST)
