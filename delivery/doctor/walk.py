"""A walk over all emails, window by window, so that a log of millions needs time but no memory."""

from collections.abc import Callable, Iterator
from uuid import UUID

from delivery.doctor.findings import Finding, Tally, Tell
from delivery.doctor.invariants import INVARIANTS, Invariant, Window
from delivery.models import Email

_AT_ONCE = 10_000  # emails
_FIRST = UUID(int=0)
Repair = Callable[[Invariant, UUID], bool]  # repairs an email that breaks an invariant; True: it is repaired


def walk(repair: Repair, tell: Tell) -> list[Finding]:
    """Check every email against every invariant; return a finding for each invariant."""
    tallies = [(invariant, Tally()) for invariant in INVARIANTS]
    seen = 0
    for window in _windows():
        for invariant, tally in tallies:
            if window.status in invariant.statuses:
                _judge(window, invariant, tally, repair)
        seen += _AT_ONCE
        tell(f"Emails: {seen:,} checked …")
    return [tally.finding(invariant.words) for invariant, tally in tallies]


def _judge(window: Window, invariant: Invariant, tally: Tally, repair: Repair) -> None:
    for pk in list(window.emails().filter(invariant.breaks(window)).values_list("pk", flat=True)):
        tally.add(pk, repaired=repair(invariant, pk))


def _windows() -> Iterator[Window]:
    for status in Email.Status:
        yield from _windows_of(status)


def _windows_of(status: str) -> Iterator[Window]:
    after: UUID | None = _FIRST
    while after is not None:
        emails = Email.objects.filter(status=status, pk__gt=after).order_by("pk").values_list("pk", flat=True)
        last = next(iter(emails[_AT_ONCE - 1 : _AT_ONCE]), None)
        end = last or emails.reverse().first()
        if end is None:
            return
        yield Window(status=status, after=after, last=end)
        after = last
