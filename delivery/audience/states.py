"""The states of an import: which one follows which. Each move is one conditional UPDATE."""

from functools import partial
from typing import Any, Final

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from delivery.audience import files
from delivery.models import Import, ImportReject

Status = Import.Status
_GOING_ON: Final = (Status.CHECKING, Status.RUNNING)
_COUNTS: Final = (
    "position",
    "bytes_read",
    "total",
    "created",
    "updated",
    "unchanged",
    "failed",
    "duplicates",
)
# By the verb: from which states, and to which.
MOVES: Final = {
    "run": ((Status.READY, Status.FAILED), Status.RUNNING),
    "pause": ((Status.RUNNING,), Status.PAUSED),
    "resume": ((Status.PAUSED,), Status.RUNNING),
    "cancel": (
        (Status.UPLOADED, Status.CHECKING, Status.READY, Status.RUNNING, Status.PAUSED),
        Status.CANCELLED,
    ),
    "undo": ((Status.DONE, Status.CANCELLED, Status.FAILED, Status.PAUSED), Status.UNDONE),
}


def enter(imported: Import, status: str, **changes: Any) -> None:
    """Put an import that the caller holds into a state; what a check counted is nothing where it has failed."""
    if imported.status == Status.CHECKING and status != Status.READY:
        forget_counts(imported)
    Import.objects.filter(pk=imported.pk).update(**(_changes(status) | changes))
    imported.status = status
    _forget_file(imported)


def move(imported: Import, verb: str) -> bool:
    """Put an import into the state that the verb names; False if its own does not allow that."""
    allowed, status = MOVES[verb]
    moved = Import.objects.filter(pk=imported.pk, status__in=allowed).update(**_changes(status))
    imported.refresh_from_db()
    if moved:
        _forget_file(imported)
    return bool(moved)


def end(imported: Import) -> None:
    """Cancel an import that is held or has failed, so that nobody has it go on."""
    held = Import.objects.filter(pk=imported.pk, status__in=(Status.PAUSED, Status.FAILED))
    held.update(**_changes(Status.CANCELLED))
    imported.refresh_from_db()


def forget_counts(imported: Import) -> None:
    """Begin with the first row again; the caller holds the import."""
    zero = dict.fromkeys(_COUNTS, 0)
    Import.objects.filter(pk=imported.pk).update(**zero, began_bytes=0, began_at=Now())
    ImportReject.objects.filter(of=imported).delete()
    for name, value in zero.items():
        setattr(imported, name, value)


def _forget_file(imported: Import) -> None:
    """Delete the file of an import that is over, once that is on record."""
    if imported.status in files.OVER:
        transaction.on_commit(partial(files.delete, imported.pk), robust=True)


def _changes(status: str) -> dict[str, Any]:
    changes: dict[str, Any] = {"status": status, "error": ""}
    if status in _GOING_ON:
        return changes | {
            "began_at": Now(),
            "began_bytes": F("bytes_read"),
            "finished_at": None,
            "crashes": 0,
        }
    over = Now() if status in Import.OVER else None
    return changes | {"finished_at": over, "worker": None, "lease_until": None}
