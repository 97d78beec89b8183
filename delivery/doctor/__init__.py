"""Whether the record keeps what is promised, whatever has crashed: questions, and what may be mended without asking.

`examine` changes nothing. `repair` mends what is safe, and says what is left. Both read in bounded pieces: the log
may have millions of emails.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from delivery import journal
from delivery.doctor import files, repairs, surroundings, walk
from delivery.doctor.files import IsWhole, has_its_hash, has_its_size
from delivery.doctor.findings import Finding, Tell
from delivery.doctor.invariants import Invariant
from delivery.models import Email
from delivery.recovery import rescue

__all__ = ["Finding", "examine", "has_its_hash", "has_its_size", "repair"]

_AT_ONCE = 100
_SECOND = timedelta(seconds=1)
_Status = Email.Status


@dataclass(frozen=True, kw_only=True)
class _Question:
    """A question that is answered as a whole, and what mends whatever it finds."""

    ask: Callable[[], Finding]
    mend: Callable[[], None] | None = None


def examine(is_whole: IsWhole, tell: Tell) -> Iterator[Finding]:
    """Ask everything, and yield what each question found."""
    for question in (*_before(surroundings.GRACE), *_about_files(is_whole, tell)):
        yield question.ask()
    yield from walk.walk(_leave, tell)
    for question in _AFTER:
        yield question.ask()


def repair(is_whole: IsWhole, tell: Tell) -> Iterator[Finding]:
    """Mend what is safe, and yield what each question found before and how much of it was mended."""
    for question in (*_before(timedelta()), *_about_files(is_whole, tell)):
        yield _mended(question)
    yield from walk.walk(_mend, tell)
    for question in _AFTER:
        yield _mended(question)


def _mended(question: _Question) -> Finding:
    found = question.ask()
    if not found.is_wrong or question.mend is None:
        return found
    question.mend()
    left = question.ask()
    return replace(
        found,
        is_wrong=left.is_wrong,
        mended=max(found.count - left.count, 0),
        todo=left.todo,
        examples=left.examples if left.is_wrong else found.examples,
    )


def _leave(invariant: Invariant, pk: UUID) -> bool:
    return repairs.leave(pk)


def _mend(invariant: Invariant, pk: UUID) -> bool:
    return invariant.mend(pk)


def _recover() -> None:
    """End the claims of processes that have gone; one without an end has gone for certain."""
    Email.objects.filter(status=_Status.SENDING, lease_until=None).update(lease_until=Now() - _SECOND)
    known = journal.known()
    _each(Email.objects.orphaned(), lambda email: rescue.recover(email, known))


def _expire() -> None:
    _each(Email.objects.overdue(), rescue.expire)


def _each(emails: QuerySet[Email], action: Callable[[Email], None]) -> None:
    """Do something with each of them once, whatever comes of it."""
    last = UUID(int=0)
    while some := list(emails.filter(pk__gt=last).order_by("pk")[:_AT_ONCE]):
        for email in some:
            action(email)
        last = some[-1].pk


def _about_files(is_whole: IsWhole, tell: Tell) -> tuple[_Question, ...]:
    return (
        _Question(ask=partial(files.files_are_there, is_whole, tell)),
        _Question(ask=partial(files.no_file_is_unused, tell), mend=files.delete_unused_files),
    )


def _before(grace: timedelta) -> tuple[_Question, ...]:
    """Return what is asked first: what the journal knows leaves less to be in doubt."""
    return (
        _Question(ask=surroundings.journal_is_applied, mend=rescue.inherit),
        _Question(ask=partial(surroundings.claims_are_kept, grace), mend=_recover),
        _Question(ask=surroundings.deadlines_are_kept, mend=_expire),
    )


_AFTER = (
    _Question(ask=surroundings.queue_moves),
    _Question(ask=surroundings.somebody_works),
    _Question(ask=surroundings.doubts_are_settled),
    _Question(ask=surroundings.nothing_is_quarantined),
    _Question(ask=surroundings.keys_are_of_use),
)
