"""The delivery workers: each says every few seconds that it is there, and holds what it has claimed."""

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
_LOST = timedelta(seconds=60)  # after so long without a word a worker has gone
_FORGOTTEN = timedelta(days=1)


def join(*, threads: int) -> None:
    """Enter this process in the list."""
    row = {"host": socket.gethostname()[:255], "pid": os.getpid(), "threads": threads, "seen_at": Now()}
    Worker.objects.update_or_create(pk=process.identity(), defaults={**row, "stopped_at": None})
    Worker.objects.filter(seen_at__lt=Now() - _FORGOTTEN).delete()


def beat(*, threads: int) -> None:
    """Say that this process is there, and renew its claims."""
    leases.renew()
    if not Worker.objects.filter(pk=process.identity()).update(seen_at=Now()):
        join(threads=threads)


def leave() -> None:
    """Say that this process ends in order."""
    Worker.objects.filter(pk=process.identity()).update(seen_at=Now(), stopped_at=Now())


def bury(worker: UUID) -> None:
    """Strike a worker off the list whose process is known to have gone without a word."""
    Worker.objects.filter(pk=worker, stopped_at=None).delete()


def running() -> QuerySet[Worker]:
    """Return those that have been heard of lately."""
    return Worker.objects.filter(stopped_at=None, seen_at__gt=Now() - _LOST)
