"""Takes an import through its file, chunk after chunk: checks it, runs it, and stands where it stood after any crash.

A chunk is one transaction with its contacts, memberships and rejects, and with the position behind it. So a process
that is killed anywhere has done a chunk wholly or not at all, and the next process reads on from the position.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Final

from django.db import close_old_connections, transaction

from delivery.audience import chunks, claims, forgotten, reading, rows, seen, states
from delivery.audience.chunks import Counts
from delivery.audience.records import Record
from delivery.audience.rows import Plan, Reject, Row
from delivery.audience.writing import Again
from delivery.db import outages
from delivery.db.outages import AWAY
from delivery.models import Import, ImportReject

CHUNK: Final = 5000  # records
_CHUNK_CHARACTERS: Final = 2_000_000  # a row may hold 16 KB of data
_PAUSE_SECONDS: Final = 1.0  # while the database is away
_COUNTS: Final = ("created", "updated", "unchanged", "duplicates")
_GONE: Final = "The file is not there any more; bring it again."
Status, Code = Import.Status, ImportReject.Code
GoingOn = Callable[[], bool]
Tell = Callable[[Import], object]  # after each chunk
Apply = Callable[[Import, Plan, Sequence[Row]], Counts]
log = logging.getLogger(__name__)


def step(going_on: GoingOn) -> bool:
    """Take one import as far as it goes; False: none is due."""
    imported = claims.take()
    if imported is None:
        return False
    work(imported, going_on)
    return True


def work(imported: Import, going_on: GoingOn, tell: Tell = bool) -> None:
    """Take a claimed import as far as it goes, and give it back; `tell` is called after each chunk."""
    try:
        if imported.status == Status.UPLOADED:
            _begin(imported)
        if imported.status == Status.CHECKING:
            _check(imported, going_on, tell)
        if imported.status == Status.RUNNING:
            _run(imported, going_on, tell)
        claims.give_back(imported)
    except claims.Lost:
        claims.give_back(imported)
    except FileNotFoundError:
        _fail(imported, _GONE)
    except AWAY as error:
        outages.report(f"import {imported.pk} waits", error)
        _give_back_later(imported, going_on)


def _begin(imported: Import) -> None:
    to_check = imported.dry_run or imported.confirm
    _move(imported, Status.CHECKING if to_check else Status.RUNNING)


def _check(imported: Import, going_on: GoingOn, tell: Tell) -> None:
    """Read the whole file and count, from the beginning: nothing is kept of an earlier try."""
    with transaction.atomic():
        claims.hold(imported)
        states.forget_counts(imported)
    with seen.remembered() as memory:
        _read_on(imported, going_on, tell, partial(chunks.foresee, before=memory.add))
    _move(imported, Status.RUNNING if _is_good_enough(imported) else Status.READY)


def _run(imported: Import, going_on: GoingOn, tell: Tell) -> None:
    """Read on from the position."""
    _read_on(imported, going_on, tell, chunks.write)
    _move(imported, Status.DONE)


def _read_on(imported: Import, going_on: GoingOn, tell: Tell, apply: Apply) -> None:
    plan = reading.plan(imported)
    with reading.opened(imported) as (file, records):
        next(islice(records, imported.position, imported.position), None)
        for batch in _batches(records):
            _take(imported, plan, batch, file.tell(), apply)
            tell(imported)
            if not going_on():
                raise claims.Lost


def _take(imported: Import, plan: Plan, batch: Sequence[Record], place: int, apply: Apply) -> None:
    """Store what a batch of records comes to, or nothing."""
    found, rejects = _without_forgotten(imported, plan, *_read(plan, batch))
    while True:
        try:
            with transaction.atomic():
                claims.hold(imported)
                counts = apply(imported, plan, found)
                bad = sorted([*rejects, *_too_much(plan, counts)])
                _keep(imported, bad)
                changes = _counted(imported, counts, len(bad))
                changes |= {"position": imported.position + len(batch), "bytes_read": place}
                claims.advance(imported, **changes)
            break
        except Again:
            log.info("Import %s does a chunk anew: somebody has made one of its contacts", imported.pk)
    for name, value in changes.items():
        setattr(imported, name, value)


def _counted(imported: Import, counts: Counts, rejects: int) -> dict[str, int]:
    came = {name: getattr(imported, name) + getattr(counts, name) for name in _COUNTS}
    came["failed"] = imported.failed + rejects
    return {**came, "total": sum(came.values())}


def _batches(records: Iterator[Record]) -> Iterator[list[Record]]:
    """Yield chunks whose bounds depend on nothing but where they begin."""
    batch: list[Record] = []
    held = 0
    for record in records:
        batch.append(record)
        held += sum(map(len, record[1]))
        if len(batch) >= CHUNK or held > _CHUNK_CHARACTERS:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _read(plan: Plan, batch: Sequence[Record]) -> tuple[list[Row], list[Reject]]:
    found: list[Row] = []
    rejects: list[Reject] = []
    for line, cells, code in batch:
        if code:
            rejects.append(Reject(line, "", code, cells[0][: rows.SHOWN].replace("\0", "\u2400")))
        elif cells:
            row = rows.read(plan, line, cells)
            if isinstance(row, Row):
                found.append(row)
            elif row is not None:
                rejects.append(row)
    return found, rejects


def _without_forgotten(
    imported: Import, plan: Plan, found: list[Row], rejects: list[Reject]
) -> tuple[list[Row], list[Reject]]:
    """Reject the rows of people who were erased, and name no one."""
    gone = forgotten.among({row.key for row in found}, imported.team_id)
    if not gone:
        return found, rejects
    column = plan.columns[plan.email][: rows.SHOWN]
    more = [Reject(row.line, column, Code.FORGOTTEN, gone[row.key]) for row in found if row.key in gone]
    return [row for row in found if row.key not in gone], sorted([*rejects, *more])


def _too_much(plan: Plan, counts: Counts) -> Iterator[Reject]:
    for row in counts.too_much:
        given = json.dumps(dict(zip(plan.keys, row.data, strict=True)), ensure_ascii=False)
        yield Reject(row.line, "", Code.DATA_TOO_LARGE, given[: rows.SHOWN])


def _keep(imported: Import, rejects: Sequence[Reject]) -> None:
    rows_ = [
        ImportReject(of=imported, line=line, column=column, code=code, value=value)
        for line, column, code, value in rejects
    ]
    ImportReject.objects.bulk_create(rows_, batch_size=500)


def _is_good_enough(imported: Import) -> bool:
    """Tell whether a checked import goes on by itself."""
    if not imported.confirm or imported.dry_run:
        return False
    return imported.failed <= imported.max_bad * imported.total


def _move(imported: Import, status: str) -> None:
    """Put it into its next state; raise Lost if somebody has put it into another one."""
    with transaction.atomic():
        claims.hold(imported)
        states.enter(imported, status)


def _fail(imported: Import, why: str) -> None:
    with suppress(claims.Lost), transaction.atomic():
        claims.hold(imported)
        states.enter(imported, Status.FAILED, error=why)


def _give_back_later(imported: Import, going_on: GoingOn) -> None:
    """Wait for the database, and let the claim go: this is no crash."""
    while going_on():
        time.sleep(_PAUSE_SECONDS)
        with suppress(*AWAY):
            close_old_connections()
            claims.give_back(imported)
            return
