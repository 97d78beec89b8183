"""Notice that an older state of the database has come back, and hold what it may have sent since (decision 0024).

Every few seconds a machine holds what it remembers against the database: a number that only grows, and the lines of
its journal. A number that has gone back, or an attempt that is not there any more, proves that the database was
further once. Then everything created so far is held, for all machines, until `manage.py after_restore` has been run.
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from delivery import journal
from delivery.db import clock, session
from delivery.journal import Entry, Piece
from delivery.models import Attempt, Lineage, Watermark
from delivery.models.lineage import THE_ONE
from delivery.queue import clock_jumps, deleted_teams, watermark_notes
from delivery.queue.watermark_notes import Mark

WORD: Final = "after_restore"  # what log, doctor and health say, and what the command is called
_QUIET = timedelta(seconds=15)  # between two steps of the number while nothing is sent
_CHUNK = 500  # attempts looked up at once
_LEEWAY = timedelta(
    hours=4
)  # by which an email may have been finished before its last answer was written down
log = logging.getLogger(__name__)


class _Trust:
    """Whether this process has looked since it last got a connection: another one may lead to an older database."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.name = ""  # of the lineage, as read last
        self.connected, self.looked = 0.0, -1.0  # by the monotonic clock


_trust = _Trust()


def name() -> str:
    """Return the name of the database's lineage; empty before the first look."""
    return _trust.name


def connected(**_: Any) -> None:
    """Learn that a connection has been opened: what was true of the database may not be true of this one."""
    _trust.connected = time.monotonic()


def forget() -> None:
    """Know nothing of the database, and look when a connection is opened."""
    _trust.name, _trust.connected, _trust.looked = "", 0.0, 0.0


def be_sure() -> None:
    """Look, unless this process has done so since its last connection was opened."""
    connection.ensure_connection()
    if _trust.looked < _trust.connected:
        with _trust.lock:
            if _trust.looked < _trust.connected:
                look()


def look() -> None:
    """Hold what this machine remembers against the database, and remember what it knows by now."""
    connection.ensure_connection()
    session.refuse_a_replaced_file()
    begun = time.monotonic()
    with watermark_notes.alone():
        lineage = current()
        _look(lineage, watermark_notes.mark(lineage.name))
    _trust.name, _trust.looked = str(lineage.name), begun


def unseen(lineage: Lineage) -> list[Entry]:
    """Return the lines that the next look will find missing in this database; remember nothing."""
    mark = watermark_notes.mark(lineage.name) or Mark(generation=lineage.generation)
    lost = list(_lost(lineage, journal.since(mark.verified)))
    row = Watermark.objects.filter(pk=mark.machine).first()
    went_back = (lineage.generation, row.number if row else 0) < (mark.generation, mark.number)
    is_unknown = lineage.held_before is None and lineage.generation <= mark.generation
    is_news = is_unknown and (went_back or any(map(_is_proof, lost)))
    return list(_lost(lineage, journal.since({}))) if is_news else lost


def current() -> Lineage:
    """Return the row that says which database this is."""
    return Lineage.objects.get_or_create(pk=THE_ONE)[0]


def held_before() -> datetime | None:
    """Return up to which creation emails are held; None: none are."""
    return Lineage.objects.filter(pk=THE_ONE).values_list("held_before", flat=True).first()


def release(lineage: Lineage) -> None:
    """Begin another generation: every machine believes this database again, however far it had seen another go."""
    with watermark_notes.alone():
        mark = watermark_notes.mark(lineage.name) or Mark()
        lineage.generation, lineage.held_before = max(lineage.generation, mark.generation) + 1, None
        with transaction.atomic():
            lineage.save(update_fields=["generation", "held_before"])
            row = Watermark.objects.filter(pk=mark.machine).first()
        told = replace(mark, generation=lineage.generation, number=row.number if row else 0)
        watermark_notes.remember(lineage.name, replace(told, rechecked=_state(lineage)))


def is_id(text: str) -> bool:
    """Tell whether a line's word for an attempt or an email can be one."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _look(lineage: Lineage, mark: Mark | None) -> None:
    before = mark or _first(lineage)
    pieces = journal.since(before.verified)
    lost = list(_lost(lineage, pieces))
    row = Watermark.objects.filter(pk=before.machine).first()
    number = row.number if row else 0
    is_told = lineage.generation > before.generation  # `after_restore` was run on another machine
    went_back = (lineage.generation, number) < (before.generation, before.number)
    went_back = went_back or any(_is_proof(entry) for entry in lost)
    is_news = went_back and not is_told and lineage.held_before is None
    is_recheck = is_news or ((went_back or is_told) and before.rechecked != _state(lineage))
    if is_recheck:
        lost = list(_lost(lineage, journal.since({})))  # what it had once confirmed may be gone as well
    if lost:
        watermark_notes.keep(lineage.name, lost)
    if is_news:
        _hold(lineage, lost)
    if lineage.held_before is None:
        number = _step(before, row, has_news=any(piece.entries for piece in pieces))
        before = replace(before, generation=lineage.generation, number=number)
    if is_recheck:
        before = replace(before, rechecked=_state(lineage))
    seen = clock_jumps.noticed(replace(before, verified={piece.name: piece.end for piece in pieces}))
    _remember(lineage, mark, seen)


def _state(lineage: Lineage) -> str:
    """Return what a machine that has looked up all its lines has looked them up for."""
    return f"{lineage.generation} {lineage.held_before}"


def _first(lineage: Lineage) -> Mark:
    """Return the mark of a machine that sees this database first."""
    if Watermark.objects.exists():
        log.warning(
            "This machine's journal folder has not seen this database before. If it is a restored backup, "
            "run `manage.py %s` before anything is sent.",
            WORD,
        )
    return Mark(generation=lineage.generation)


def _remember(lineage: Lineage, before: Mark | None, mark: Mark) -> None:
    if mark != before:
        watermark_notes.remember(lineage.name, mark)
    journal.forget(mark.verified)


def _lost(lineage: Lineage, pieces: Iterable[Piece]) -> Iterator[Entry]:
    """Yield the lines about attempts of this database that it does not know."""
    entries = [entry for piece in pieces for entry in piece.entries]
    ours = [entry for entry in entries if entry.database in {"", str(lineage.name)} and is_id(entry.attempt)]
    for start in range(0, len(ours), _CHUNK):
        chunk = ours[start : start + _CHUNK]
        found = Attempt.objects.filter(pk__in=[entry.attempt for entry in chunk]).values_list("pk", flat=True)
        known = set(map(str, found))
        missing = [entry for entry in chunk if entry.attempt not in known and not _is_pruned(entry)]
        yield from deleted_teams.left_out(missing)


def _is_pruned(entry: Entry) -> bool:
    """Tell whether retention may have deleted the attempt in order."""
    days = settings.GOMAIL_KEEP_EMAILS_DAYS
    if not (days and entry.at):
        return False
    return datetime.fromisoformat(entry.at) < clock.now() - timedelta(days=days) + _LEEWAY


def _is_proof(entry: Entry) -> bool:
    """Tell whether a line says of which email it speaks; those of earlier versions do not, and may be very old."""
    return bool(entry.email)


def _hold(lineage: Lineage, lost: Iterable[Entry]) -> None:
    Lineage.objects.filter(pk=THE_ONE, held_before=None).update(held_before=Now())
    lineage.refresh_from_db()
    log.critical(
        "%s: an older state of the database has come back. Nothing that was created until now is sent before "
        "`manage.py %s` has been run. Attempts that the journal knows and the database does not: %s",
        WORD,
        WORD,
        ", ".join(entry.attempt for entry in lost) or "none",
    )


def _step(mark: Mark, row: Watermark | None, *, has_news: bool) -> int:
    """Let the number grow by one, if there is a reason to; return it when it is committed."""
    if row and not has_news and row.moved_at > clock.now() - _QUIET:
        return row.number
    number = (row.number if row else 0) + 1
    Watermark.objects.update_or_create(pk=mark.machine, defaults={"number": number, "moved_at": Now()})
    return number
