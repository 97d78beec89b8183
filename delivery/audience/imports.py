"""Imports: a file is taken, checked, run, held, ended and undone. What happens with its rows is the runner's."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from django.db.models import QuerySet

from delivery.audience import files, reading, sheets, states, undo
from delivery.audience.reading import Asked, Reading
from delivery.content import directions, headers
from delivery.db import ids, text
from delivery.models import Group, Import, Team

MOST_BYTES: Final = 200 * 1024 * 1024
_LONGEST_NAME: Final = 255


class NotNow(Exception):
    """The state of the import does not allow this."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be done with a file."""

    filename: str = ""
    by: str = ""  # the person or key that brings it
    asked: Asked = field(default_factory=Asked)
    group: Group | None = None
    on_existing: str = Import.OnExisting.MERGE
    dry_run: bool = False
    confirm: bool = False
    max_bad: float = 0.0


def take(team: Team | None, file: Path, order: Order) -> Import:
    """Keep a file and write down what is to be done with it, in the caller's transaction, if it holds one.

    Raises NotTaken, or a Question, for a file that cannot be read; then nothing is kept.
    """
    with tempfile.TemporaryDirectory(prefix="gomail-import-") as folder:
        table, sheet = _table(file, order.asked.sheet, Path(folder))
        found = reading.decide(table, order.asked, sheet)
        pk = ids.uuid7()
        kept = {"sha256": files.keep(pk, table), "size": table.stat().st_size}
    return _written(team, order, found, id=pk, **kept)


def look(file: Path, asked: Asked) -> Reading:
    """Return how a file would be read, and its first rows; keep nothing. Raises as `take` does."""
    with tempfile.TemporaryDirectory(prefix="gomail-import-") as folder:
        table, sheet = _table(file, asked.sheet, Path(folder))
        return reading.decide(table, asked, sheet)


def change(imported: Import, verb: str) -> Import:
    """Run, pause, resume or cancel an import, in the caller's transaction; raise NotNow if its state forbids it."""
    was_checked = imported.status == Import.Status.READY
    if not states.move(imported, verb):
        raise NotNow
    if verb == "run" and was_checked:
        states.forget_counts(imported)
    return imported


def take_back(imported: Import) -> Import:
    """Undo an import: delete what it made and nobody has touched since, and take its people out of the group.

    It takes transactions of its own, and a large one some seconds; killed meanwhile it may be undone again. One that
    might go on is cancelled first: resumed meanwhile, it would go on behind rows that are taken back.
    """
    states.end(imported)
    if imported.status not in states.MOVES["undo"][0]:
        raise NotNow
    undo.run(imported)
    if not states.move(imported, "undo"):
        raise NotNow
    undo.finish(imported)
    return imported


def of(team: Team | None) -> QuerySet[Import]:
    """Return a team's imports, newest first."""
    return Import.objects.filter(team=team).select_related("group").order_by("-id")


def _table(file: Path, wanted: str, folder: Path) -> tuple[Path, str]:
    """Return the file that holds the table, and the sheet whose it is; empty for a CSV."""
    if not reading.is_workbook(file):
        return file, ""
    table = folder / "sheet.csv"
    return table, sheets.write_as_csv(file, table, wanted)


def _written(team: Team | None, order: Order, found: Reading, **kept: Any) -> Import:
    return Import.objects.create(
        team=team,
        group=order.group,
        by=order.by,
        filename=_shown(order.filename),
        **kept,
        sheet=found.sheet,
        encoding=found.encoding,
        delimiter=found.dialect.delimiter,
        header=found.header,
        columns=found.columns,
        fields=found.fields,
        on_existing=order.on_existing,
        from_spreadsheet=order.asked.from_spreadsheet,
        dry_run=order.dry_run,
        confirm=order.confirm,
        max_bad=order.max_bad,
    )


def _shown(filename: str) -> str:
    """Return a file's name as people are shown it, in one line and one direction."""
    name = directions.without_marks(headers.without_controls(text.storable(filename)))
    return name.strip()[:_LONGEST_NAME]
