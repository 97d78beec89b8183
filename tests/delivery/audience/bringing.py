"""Files brought in by tests, as the API and a worker do it."""

from pathlib import Path
from typing import Any

from delivery.audience import claims, imports, runner
from delivery.audience.imports import Order
from delivery.audience.reading import Asked
from delivery.models import Contact, Import, ImportReject, Team


def brought(folder: Path, content: bytes | str, *, team: Team | None = None, **order: Any) -> Import:
    """Take a file; what is no part of an Order is of what is asked."""
    file = folder / "contacts.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    of_order = {name: order.pop(name) for name in list(order) if name in Order.__dataclass_fields__}
    return imports.take(team, file, Order(filename=file.name, asked=Asked(**order), **of_order))


def run(imported: Import) -> Import:
    """Take it as far as it goes."""
    claimed = claims.take(imported.pk)
    assert claimed
    runner.work(claimed, lambda: True)
    imported.refresh_from_db()
    return imported


def imported(folder: Path, content: bytes | str, **order: Any) -> Import:
    return run(brought(folder, content, **order))


def emails() -> list[str]:
    return sorted(Contact.objects.values_list("email", flat=True))


def rejects(of: Import) -> list[str]:
    return [
        f"{line}: {code}" for line, code in ImportReject.objects.filter(of=of).values_list("line", "code")
    ]
