"""How far an import has come, and how long the rest will take."""

from typing import Final

from delivery.db import clock
from delivery.models import Import

COUNTS: Final = ("total", "created", "updated", "unchanged", "failed", "duplicates")


def counts(imported: Import) -> dict[str, int]:
    """Return what became of the rows so far."""
    return {name: getattr(imported, name) for name in COUNTS}


def percent(imported: Import) -> float:
    """Return how much of the file is behind it."""
    return round(100 * min(imported.bytes_read / max(imported.size, 1), 1.0), 1)


def eta(imported: Import) -> float | None:
    """Return the seconds until the end at the pace since it began or went on; None: it stands, or has just begun."""
    done = imported.bytes_read - imported.began_bytes
    if (
        imported.status not in (Import.Status.CHECKING, Import.Status.RUNNING)
        or not imported.began_at
        or done <= 0
    ):
        return None
    spent = (clock.now() - imported.began_at).total_seconds()
    return round(max(imported.size - imported.bytes_read, 0) * spent / done, 1)
