"""Cancelling many emails that wait, in transactions so short that no sender waits for one."""

import math
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from delivery.access import audit, pauses
from delivery.db import clock, pieces
from delivery.models import ApiKey, Email, Recipient, Team
from delivery.models.email import NOT_SENT_YET
from delivery.submission import wanted as selection
from delivery.submission.changes import CANCELLED, REVOKED
from delivery.submission.wanted import Wanted

_PATIENCE: Final = 5.0  # seconds that somebody waits for
_LATELY: Final = timedelta(days=2)  # longer than an email is tried
_UNDECIDED: Final = (Recipient.Status.PENDING, Recipient.Status.UNKNOWN)


def waiting(team: Team | None, wanted: Wanted) -> QuerySet[Email]:
    """Return the team's emails that wait and match."""
    return selection.among(Email.objects.owned_by(team).waiting().order_by(), wanted)


def revoke(key: ApiKey, *, cancel: bool) -> int:
    """Revoke a key; cancel what waits of it, or let it be sent. Returns how many waited.

    To be cancelled is a property of the key: from the commit on no process claims any of its emails, nor what comes
    back from an attempt that is under way, nor what a process takes that knows the key for a second more. What is not
    cancelled here within a few seconds, or comes later, the workers cancel (`finish`).
    """
    with transaction.atomic():
        key.revoke()
        if cancel:
            ApiKey.objects.filter(pk=key.pk).update(cancels_waiting=True)
        number = pauses.waiting_of(key).count()
        after = {"waiting": number, "cancelled": cancel}
        audit.record("key.revoked", "key", key.public_id, team=key.team_id, after=after)
    if cancel:
        cancel_all(pauses.waiting_of(key), seconds=_PATIENCE, reason=REVOKED)
    return number


def finish() -> int:
    """Cancel what waits of keys that were lately revoked with it; return how many."""
    lately = clock.now() - _LATELY
    gone = ApiKey.objects.filter(cancels_waiting=True, revoked_at__gt=lately)
    return sum(cancel_all(pauses.waiting_of(key), reason=REVOKED) for key in gone if _has_some(key))


def _has_some(key: ApiKey) -> bool:
    """Tell by the index of what waits, which knows no keys, but teams."""
    mine = Email.objects.waiting().order_by().filter(team=key.team_id, priority__in=Email.Priority.values)
    return mine.filter(key=key).exists()


def cancel_matching(team: Team | None, wanted: Wanted, waiting: QuerySet[Email]) -> int:
    """Cancel what matches, with one entry in the audit that says what was asked for; return how many."""
    after = {"filter": wanted.told(), "count": waiting.count()}
    return cancel_all(
        waiting, record=lambda: audit.record("emails.cancelled", "emails", "", team=team, after=after)
    )


def cancel_all(
    waiting: QuerySet[Email],
    *,
    seconds: float = math.inf,
    record: Callable[[], None] | None = None,
    reason: str = CANCELLED,
) -> int:
    """Cancel those of these emails that still wait; an unknown one stays unknown and is not sent again.

    Returns how many. When it stops in the middle, or after these seconds, the rest waits on. `record` is called in the
    first of the transactions, so that none is cancelled without an entry.
    """
    until, number = time.monotonic() + seconds, 0
    for some in pieces.keys(waiting):
        with transaction.atomic():
            cancelled = _cancel(some, reason)
            if record and cancelled and not number:
                record()
        number += cancelled
        if time.monotonic() > until:
            break
    return number


def _cancel(pks: list[UUID], reason: str) -> int:
    now = clock.now()
    mine = Email.objects.filter(pk__in=pks).order_by()
    list(
        mine.order_by("pk").select_for_update().values_list("pk")
    )  # the order in which events lock emails, too
    unsent = list(mine.filter(status__in=NOT_SENT_YET).values_list("pk", flat=True))
    ended = Email.objects.filter(pk__in=unsent).update(
        status=Email.Status.CANCELLED, reason=reason, due_at=None, finished_at=now
    )
    undecided = Recipient.objects.filter(email__in=unsent, status__in=_UNDECIDED)
    undecided.update(status=Recipient.Status.CANCELLED)
    unknown = mine.filter(status=Email.Status.UNKNOWN, due_at__isnull=False)
    return ended + unknown.update(due_at=None, finished_at=now)
