"""Sending many emails again: how many may go twice is told before, each is taken like any other, and once."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from delivery.access import audit
from delivery.models import Email
from delivery.models.email import FINISHED
from delivery.submission import changes

MOST: Final = 500  # at once
_PATIENCE: Final = 20.0  # seconds that somebody waits for
_RECEIVED: Final = ("sent", "partial", "unknown")


@dataclass(kw_only=True)
class Done:
    """What became of an order to send many again."""

    sent: int = 0
    left: int = 0  # not come to in time
    refused: Counter[str] = field(default_factory=Counter)  # by the reason in words


def possible(emails: QuerySet[Email]) -> QuerySet[Email]:
    """Keep what can be sent again, and has not been already."""
    over = Q(status__in=FINISHED) | Q(status=Email.Status.UNKNOWN, due_at=None)
    return emails.filter(over).exclude(Exists(Email.objects.filter(resend_of=OuterRef("pk"))))


def that_may_arrive_twice(emails: QuerySet[Email]) -> QuerySet[Email]:
    """Keep what somebody has got, or may have got, already."""
    return emails.filter(status__in=_RECEIVED)


def resend_all(
    keys: list[UUID], why: Callable[[Exception], str], refusals: tuple[type[Exception], ...]
) -> Done:
    """Send these again, the oldest first, each in a transaction of its own; what is refused is counted by reason."""
    done, until = Done(), time.monotonic() + _PATIENCE
    for number, pk in enumerate(sorted(keys)[:MOST]):
        if time.monotonic() > until:
            done.left = len(keys) - number
            break
        try:
            done.sent += _once(pk)
        except refusals as refusal:
            done.refused[why(refusal)] += 1
    return done


def _once(pk: UUID) -> bool:
    """Send one again unless somebody has just done so."""
    email = possible(Email.objects.filter(pk=pk)).select_related("team").first()
    if email:
        changes.resend(email)
    return email is not None


def on_record(emails: QuerySet[Email], keys: list[UUID], asked: dict[str, str]) -> None:
    """Note in the audit of each team what was ordered; every email has its own entry beside."""
    teams = Counter(emails.filter(pk__in=keys).order_by().values_list("team", flat=True))
    with transaction.atomic():
        for team, count in teams.items():
            after = {"filter": asked, "count": count}
            audit.record("emails.resent", "emails", "", team=team, after=after)
