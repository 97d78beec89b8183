"""The timeline of an email: its attempts, what vendors told of them, and what people decided, in order of time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Final

from delivery.models import Attempt, Email, ProviderEvent

_MOST = 5000  # events, the newest; a mail to a mailing list may be opened more often
_ENDS: Final = {Email.Status.CANCELLED: "cancelled", Email.Status.EXPIRED: "expired"}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that happened."""

    id: str
    at: datetime  # by the vendor's clock where a vendor told of it
    kind: str  # created, attempt, settled, cancelled, expired, or a word of providers.events.Kind
    recipient: str = ""
    provider: str = ""
    attempt: str = ""
    outcome: str = ""  # of an attempt, or of what was settled
    bounce: str = ""  # hard or soft
    bot: bool = False  # opened or clicked by a machine
    certain: bool = True  # False: the vendor guesses the recipient
    by: str = ""  # the person who settled it, or event:<kind>
    code: str = ""
    detail: str = ""


def of(email: Email) -> list[Entry]:
    """Return the email's timeline, oldest first."""
    attempts = list(Attempt.objects.filter(email=email))
    entries = chain(_email(email), *map(_attempt, attempts), _events(email))
    begun = {str(attempt.pk): attempt.started_at for attempt in attempts}
    return sorted(entries, key=lambda entry: _place(entry, begun))


def _place(entry: Entry, begun: Mapping[str, datetime]) -> tuple[datetime, bool, str]:
    """Return what orders entries: nothing comes before its attempt, though vendors' clocks count whole seconds."""
    start = begun.get(entry.attempt)
    return max(entry.at, start) if start else entry.at, entry.kind != "attempt", entry.id


def _email(email: Email) -> Iterator[Entry]:
    yield Entry(id=str(email.pk), at=email.created_at, kind="created")
    end = _ENDS.get(Email.Status(email.status))
    if end and email.finished_at:
        yield Entry(id=f"{email.pk}:{end}", at=email.finished_at, kind=end, detail=email.reason)


def _attempt(attempt: Attempt) -> Iterator[Entry]:
    made = Entry(
        id=str(attempt.pk),
        at=attempt.started_at,
        kind="attempt",
        provider=attempt.provider,
        attempt=str(attempt.pk),
        outcome=attempt.outcome,
        code=attempt.code or attempt.error,
        detail=attempt.detail,
    )
    yield made
    if attempt.settled_at:
        by = attempt.settled_by
        settled = replace(made, id=f"{attempt.pk}:settled", at=attempt.settled_at, kind="settled", by=by)
        yield replace(settled, code="", detail="")


def _events(email: Email) -> Iterator[Entry]:
    for row in ProviderEvent.objects.filter(email=email).defer("raw").order_by("-id")[:_MOST]:
        yield Entry(
            id=str(row.pk),
            at=row.at,
            kind=row.kind,
            recipient=row.recipient,
            provider=row.account,
            attempt=str(row.attempt),
            bounce=row.bounce,
            bot=row.bot,
            certain=row.certain,
            code=row.code,
            detail=row.reason or row.name,
        )
