"""A walk over all emails, a window at a time: a log of millions costs time, and no memory."""

from collections.abc import Callable, Iterator
from uuid import UUID

from delivery.doctor.findings import Finding, Tally, Tell
from delivery.doctor.invariants import INVARIANTS, Invariant, Window
from delivery.models import Email

_AT_ONCE = 10_000  # emails
_FIRST = UUID(int=0)
Mend = Callable[
    [Invariant, UUID], bool
]  # what is done about an email that breaks a invariant; whether it is well then


def walk(mend: Mend, tell: Tell) -> list[Finding]:
    """Hold every email against every invariant, and return what each invariant found."""
    tallies = [(invariant, Tally()) for invariant in INVARIANTS]
    seen = 0
    for window in _windows():
        for invariant, tally in tallies:
            if window.status in invariant.statuses:
                _judge(window, invariant, tally, mend)
        seen += _AT_ONCE
        tell(f"Emails: {seen:,} looked at …")
    return [tally.finding(invariant.words) for invariant, tally in tallies]


def _judge(window: Window, invariant: Invariant, tally: Tally, mend: Mend) -> None:
    for pk in list(window.emails().filter(invariant.breaks(window)).values_list("pk", flat=True)):
        tally.add(pk, mended=mend(invariant, pk))


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
