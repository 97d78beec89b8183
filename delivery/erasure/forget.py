"""Forgetting a person: begun once, gone on with by whoever comes, in steps that may be killed between any two.

The row of the erasure says how far it has come. What waits for the person is cancelled first; what is being sent at the
moment is finished first, and the erasure with it. It is done when no table, file or journal of this machine has the
address any more, and it forgets the address itself then.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from delivery.access import audit
from delivery.db import clock, traces
from delivery.erasure import emails, entries, files, journals, mentions, reach, uploads, waiting
from delivery.erasure.people import Person, find
from delivery.erasure.reach import Reach
from delivery.erasure.steps import Step
from delivery.models import Erasure, Team
from delivery.search import subject_index
from delivery.suppressions import erased

LEASE: Final = timedelta(seconds=60)
AGAIN: Final = timedelta(seconds=10)  # after it had to wait for something
_AGAIN_THROUGH_ALL: Final = timedelta(minutes=5)  # the same where all tables are read again
_KNOWN_EVERYWHERE: Final = 0.2  # seconds; a process believes for less that nobody was erased
_WAITS = {
    "emails": "Emails of this person that are being sent, or go to others: {:,}. They are finished first.",
    "imports": "Imports that are not over and whose files have the address: {:,}. Run or cancel them.",
    "mentions": "Texts of emails to others that mention the address: {:,}. They are sent first.",
    "files": "Files that another request is about to use: {:,}.",
    "log": "A reader of the database keeps its log from being emptied.",
}
_BEGINNING = {"table": ""}
Tell = Callable[[Erasure], None]


def start(person: Person, far: Reach, *, by: str) -> Erasure:
    """Write down that a person is to be forgotten; return the erasure that is under way already, if there is one."""
    whose = {"team_id": far.team_id, "everywhere": far.everywhere, "address": person.address}
    with transaction.atomic():
        unfinished = Erasure.objects.filter(**whose, finished_at=None).order_by("pk").first()
        begun = unfinished or Erasure.objects.create(**whose, digest=person.tombstone, by=by[:150])
        if not unfinished:
            _record(begun)
    if not unfinished:
        transaction.on_commit(erased.forget)
        time.sleep(_KNOWN_EVERYWHERE)  # from now on events about this person are kept under the tombstone
    return begun


def erase(address: str, *, team: Team | None, by: str = "") -> Counter[str]:
    """Forget a person as far as that can be done now, everywhere or in one team; return what was erased.

    Raises InvalidAddress or NoKeys.
    """
    far = reach.of_team(team) if team else reach.EVERYWHERE
    return Counter(run(start(find(address), far, by=by)).counts)


def run(erasure: Erasure, *, seconds: float | None = None, tell: Tell = lambda _: None) -> Erasure:
    """Go on with an erasure until it is done, has to wait, or the time is over; return it as it is then.

    Nothing happens while another process has it.
    """
    until = time.monotonic() + seconds if seconds is not None else float("inf")
    if not _claim(erasure):
        erasure.refresh_from_db()
        return erasure
    erasure.refresh_from_db()
    try:
        with traces.overwritten():
            _go_on(erasure, lambda: time.monotonic() < until, tell)
    finally:
        _let_go(erasure)
    erasure.refresh_from_db()
    return erasure


def unfinished() -> list[Erasure]:
    """Return the erasures that nobody works on, longest first."""
    return list(Erasure.objects.filter(_free(), finished_at=None).order_by("pk"))


def _free() -> Q:
    set_back = Q(lease_until__gt=Now() + 2 * _AGAIN_THROUGH_ALL)  # the clock was, since it was taken
    return Q(lease_until=None) | Q(lease_until__lt=Now()) | set_back


def _claim(erasure: Erasure) -> bool:
    mine = Erasure.objects.filter(_free(), pk=erasure.pk, finished_at=None)
    return bool(mine.update(lease_until=Now() + LEASE))


def _let_go(erasure: Erasure) -> None:
    rows = Erasure.objects.filter(pk=erasure.pk)
    again = AGAIN if erasure.position else _AGAIN_THROUGH_ALL
    rows.update(lease_until=Now() + again if erasure.waits_for else None)


def _go_on(erasure: Erasure, may: Callable[[], bool], tell: Tell) -> None:
    if erasure.address:
        person, far = Person(erasure.address), reach.of(erasure)
        for step in _steps(erasure, person, far):
            _do(erasure, step)
            tell(erasure)
            if not may():
                return
        if not _put_away(erasure, person, far):
            return
    _finish(erasure)


def _steps(erasure: Erasure, person: Person, far: Reach) -> Iterator[Step]:
    yield from waiting.steps(person, far)
    yield from emails.steps(person, far)
    yield from entries.steps(person, far)
    if waiting.under_way(person, far) or uploads.holding(person, far):
        return  # what is told of them meanwhile is looked for when they are finished
    for piece in mentions.pieces(far, erasure.position):
        pks = mentions.found(person, piece)
        erasure.position = dict(piece.position)
        yield lambda piece=piece, pks=pks: mentions.erase(person, piece, pks)  # type: ignore[misc]


def _do(erasure: Erasure, step: Step) -> None:
    """Take a step, in one transaction with what the row says of it."""
    with transaction.atomic():
        counts = Counter(erasure.counts)
        counts.update(step())
        _note(erasure, counts=dict(counts), position=erasure.position, lease_until=Now() + LEASE)
    erasure.counts = dict(counts)


def _note(erasure: Erasure, **changes: Any) -> None:
    Erasure.objects.filter(pk=erasure.pk).update(**changes)


def _put_away(erasure: Erasure, person: Person, far: Reach) -> bool:
    """Delete files and overwrite the journal; forget the address unless something has to be waited for."""
    deleted = sum(files.delete(person, far))
    lines = journals.overwrite([erasure])
    counts = Counter(erasure.counts) + Counter(files=deleted, journal_lines=lines)
    left = counts.pop("left", 0)
    why = _why(
        emails=waiting.under_way(person, far),
        imports=uploads.holding(person, far),
        mentions=left,
        files=files.waiting(person, far),
    )
    if why:
        erasure.counts, erasure.position = dict(counts), {} if left else erasure.position or _BEGINNING
        _wait(erasure, why, counts=erasure.counts, position=erasure.position)
        return False
    counts.pop("looked_through", 0)
    erasure.counts = dict(counts)
    _note(erasure, address="", waits_for="", counts=erasure.counts, position={})
    return True


def _why(**numbers: int) -> str:
    return " ".join(_WAITS[what].format(number) for what, number in numbers.items() if number)


def _wait(erasure: Erasure, why: str, **changes: Any) -> None:
    erasure.waits_for = why
    _note(erasure, waits_for=why, **changes)


def _record(erasure: Erasure) -> None:
    what = {"person": erasure.digest, "everywhere": erasure.everywhere}
    audit.record("erasure.made", "erasure", erasure.pk, team=erasure.team_id, after=what)


def _finish(erasure: Erasure) -> None:
    """Empty what the database keeps of rows that are gone; then it is done."""
    subject_index.forget_removed()
    if traces.empty_log():
        _note(erasure, finished_at=clock.now(), waits_for="")
        erasure.waits_for = ""
    else:
        _wait(erasure, _WAITS["log"])
