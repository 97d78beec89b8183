"""Why emails are in trouble: those that ended alike are one cause, which a person can acknowledge."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from delivery.access import audit
from delivery.content import addresses
from delivery.db import clock, ids
from delivery.models import Acknowledgement, Email

TROUBLE: Final = (Email.Status.UNKNOWN, Email.Status.FAILED, Email.Status.EXPIRED, Email.Status.QUARANTINED)
_LATELY: Final = timedelta(days=30)
_MOST: Final = 500  # of each status, the newest
# What differs from email to email in the same words of a vendor: ids, numbers, times.
_OWN: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f-]{20,}|<[^>\s]{12,}>|\b(?=\w*\d)[\w.:-]{6,}\b|\d+", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Emails that are in trouble for the same reason."""

    key: str
    status: str
    reason: str  # as the newest of them says it
    newest: Email
    emails: tuple[UUID, ...]  # newest first
    is_cut: bool  # there may be more


def of(mine: QuerySet[Email], *, known: bool = False) -> list[Cause]:
    """Return the causes among the newest emails in trouble, the one with the most first; known: acknowledged, too."""
    floor, found = ids.floor(clock.now() - _LATELY), list[Cause]()
    marks = _marks()
    for status in TROUBLE:
        rows = list(_newest(mine.filter(status=status, pk__gte=floor)))
        shown = rows if known else [row for row in rows if not _is_known(row, marks)]
        found += _grouped(shown, is_cut=len(rows) == _MOST)
    return sorted(found, key=lambda cause: (-len(cause.emails), -cause.newest.pk.int))


def emails_of(mine: QuerySet[Email], key: str) -> list[UUID]:
    """Return the emails of a cause, acknowledged or not: those that its number counted are among them."""
    return [pk for cause in of(mine) if cause.key == key for pk in cause.emails]


def acknowledge(cause: Cause, by: str) -> None:
    """Note that a person knows of these emails, in each of their teams."""
    teams = Email.objects.filter(pk__in=cause.emails).order_by().values_list("team", flat=True).distinct()
    with transaction.atomic():
        for team in list(teams):
            given = {"until": cause.emails[0], "by": by, "at": clock.now()}
            Acknowledgement.objects.update_or_create(team_id=team, cause=cause.key, defaults=given)
            after = {"status": cause.status, "count": len(cause.emails)}
            audit.record("emails.acknowledged", "emails", cause.key, team=team, after=after)


def _newest(emails: QuerySet[Email]) -> QuerySet[Email]:
    return emails.only("id", "created_at", "subject", "status", "reason", "team").order_by("-id")[:_MOST]


def _grouped(rows: Iterable[Email], *, is_cut: bool) -> list[Cause]:
    groups: dict[str, list[Email]] = {}
    for row in rows:
        groups.setdefault(key_of(row), []).append(row)
    return [
        Cause(
            key=key,
            status=some[0].status,
            reason=some[0].reason,
            newest=some[0],
            emails=tuple(row.pk for row in some),
            is_cut=is_cut,
        )
        for key, some in groups.items()
    ]


def key_of(email: Email) -> str:
    """Return the name of an email's cause."""
    alike = _OWN.sub("#", addresses.hidden(email.reason)).casefold()
    return hashlib.sha256(f"{email.status} {alike}".encode()).hexdigest()[:32]


def _marks() -> dict[tuple[int | None, str], UUID]:
    rows = Acknowledgement.objects.filter(at__gte=clock.now() - _LATELY)
    return {(team, cause): until for team, cause, until in rows.values_list("team", "cause", "until")}


def _is_known(email: Email, marks: dict[tuple[int | None, str], UUID]) -> bool:
    until = marks.get((email.team_id, key_of(email))) if marks else None
    return until is not None and email.pk <= until
