"""Claims of imports: one process has one, until it is done with it, or its lease ends; every chunk renews it."""

import logging
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from delivery import process
from delivery.audience import states
from delivery.db import clock
from delivery.models import Import
from delivery.models.imports import LEASE, MOST_CRASHES

_SET_ASIDE = (
    "Three processes in a row ended while they read this file, at the same place. It is set aside; what it had "
    "brought before stays. Running it again goes on from there."
)
log = logging.getLogger(__name__)


class Lost(Exception):
    """The import is not ours any more, or was paused or cancelled: this chunk must not count."""


def due() -> bool:
    """Tell whether an import waits for a process."""
    return _free().exists()


def take(pk: UUID | None = None) -> Import | None:
    """Claim an import, the one that came first unless it is named; set aside one that ended three processes."""
    free = _free().filter(pk=pk) if pk else _free()
    for found in free.order_by("id")[:10]:
        if found.crashes + _has_crashed(found) >= MOST_CRASHES:
            _set_aside(found)
        elif _claim(found):
            return Import.objects.select_related("group", "team").get(pk=found.pk)
    return None


def hold(imported: Import) -> None:
    """Lock the import in the caller's transaction; raise Lost if it is not ours, or does not go on."""
    mine = Import.objects.select_for_update().filter(pk=imported.pk, epoch=imported.epoch)
    if not mine.filter(status=imported.status).exists():
        raise Lost


def advance(imported: Import, **changes: Any) -> None:
    """Store how far it has come, and renew the claim; the caller holds it."""
    Import.objects.filter(pk=imported.pk).update(lease_until=Now() + LEASE, crashes=0, **changes)


def give_back(imported: Import) -> None:
    """End the claim of this process; somebody else may go on."""
    Import.objects.filter(pk=imported.pk, epoch=imported.epoch).update(worker=None, lease_until=None)


def free(worker: UUID) -> None:
    """End the leases of a process that has gone; its claims count as crashes."""
    Import.objects.filter(worker=worker, status__in=Import.DUE).update(lease_until=None)


def _free() -> QuerySet[Import]:
    over = Q(lease_until=None)
    if not clock.has_jumped(within=LEASE):
        over |= Q(lease_until__lt=Now())
    return Import.objects.filter(over, status__in=Import.DUE)


def _has_crashed(found: Import) -> bool:
    """Tell whether a process had it and did not give it back."""
    return found.worker is not None


def _claim(found: Import) -> bool:
    changes = {"worker": process.identity(), "epoch": F("epoch") + 1, "lease_until": Now() + LEASE}
    changes["crashes"] = F("crashes") + int(_has_crashed(found))
    return bool(_unchanged(found).update(**changes))


def _set_aside(found: Import) -> None:
    with transaction.atomic():
        if _unchanged(found).update(epoch=F("epoch") + 1, crashes=0):
            states.enter(found, Import.Status.FAILED, error=_SET_ASIDE)
            log.error("Import %s is set aside: it ended three processes that had it", found.pk)


def _unchanged(found: Import) -> QuerySet[Import]:
    return _free().filter(pk=found.pk, epoch=found.epoch, status=found.status)
