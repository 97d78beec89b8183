"""The doctor: checks the database, files and journal against the invariants, and repairs what is safe to repair.

`examine` changes nothing. `repair` repairs what is safe and reports the rest. Both read in bounded pieces: the log may
have millions of emails.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from delivery import journal
from delivery.doctor import arrivals, files, mailings, repairs, scanner, surroundings, walk, webhooks
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
    """A check that is run as a whole, and the repair of everything it finds."""

    ask: Callable[[], Finding]
    repair: Callable[[], None] | None = None


def examine(is_whole: IsWhole, tell: Tell) -> Iterator[Finding]:
    """Run all checks and yield their findings."""
    for question in (*_before(surroundings.GRACE), *_about_files(is_whole, tell)):
        yield question.ask()
    yield from walk.walk(_leave, tell)
    for question in _AFTER:
        yield question.ask()


def repair(is_whole: IsWhole, tell: Tell) -> Iterator[Finding]:
    """Run all checks, repair what is safe, and yield each finding with the number of repaired items."""
    for question in (*_before(timedelta()), *_about_files(is_whole, tell)):
        yield _repaired(question)
    yield from walk.walk(_repair, tell)
    for question in _AFTER:
        yield _repaired(question)


def _repaired(question: _Question) -> Finding:
    found = question.ask()
    if not found.is_wrong or question.repair is None:
        return found
    question.repair()
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


def _repair(invariant: Invariant, pk: UUID) -> bool:
    return invariant.repair(pk)


def _recover() -> None:
    """Recover the orphans; a claim without an end counts as one."""
    Email.objects.filter(status=_Status.SENDING, lease_until=None).update(lease_until=Now() - _SECOND)
    known = journal.known()
    _each(Email.objects.orphaned(), lambda email: rescue.recover(email, known))


def _expire() -> None:
    _each(Email.objects.overdue(), rescue.expire)


def _each(emails: QuerySet[Email], action: Callable[[Email], None]) -> None:
    """Call the action once for each email, even if it has no effect."""
    last = UUID(int=0)
    while some := list(emails.filter(pk__gt=last).order_by("pk")[:_AT_ONCE]):
        for email in some:
            action(email)
        last = some[-1].pk


def _about_files(is_whole: IsWhole, tell: Tell) -> tuple[_Question, ...]:
    return (
        _Question(ask=partial(files.files_are_there, is_whole, tell)),
        _Question(ask=partial(files.no_file_is_unused, tell), repair=files.delete_unused_files),
    )


def _before(grace: timedelta) -> tuple[_Question, ...]:
    """Return the first checks: replaying the journal leaves fewer outcomes unknown."""
    return (
        _Question(ask=surroundings.commits_are_durable),
        _Question(ask=surroundings.clocks_agree),
        _Question(ask=surroundings.folders_can_be_written),
        _Question(ask=surroundings.history_is_whole),
        _Question(ask=surroundings.journal_is_applied, repair=rescue.inherit),
        _Question(ask=partial(surroundings.claims_are_kept, grace), repair=_recover),
        _Question(ask=surroundings.deadlines_are_kept, repair=_expire),
    )


_AFTER = (
    _Question(ask=surroundings.queue_moves),
    _Question(ask=surroundings.somebody_works),
    _Question(ask=surroundings.doubts_are_settled),
    _Question(ask=surroundings.nothing_is_quarantined),
    _Question(ask=surroundings.keys_are_of_use),
    _Question(ask=scanner.scanner_answers),
    _Question(ask=arrivals.events_come),
    _Question(ask=arrivals.no_event_is_missing),
    _Question(ask=arrivals.every_message_is_read),
    _Question(ask=webhooks.webhooks_are_posted),
    _Question(ask=webhooks.endpoints_take_them),
    _Question(ask=mailings.mailings_go_on),
    _Question(ask=mailings.emails_have_recipients),
)
