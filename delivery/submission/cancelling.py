"""Cancelling many emails that wait, in transactions so short that no sender waits for one."""

from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from delivery.db import clock, pieces
from delivery.models import Email, Recipient
from delivery.models.email import NOT_SENT_YET
from delivery.submission.changes import CANCELLED

_UNDECIDED: Final = (Recipient.Status.PENDING, Recipient.Status.UNKNOWN)


def cancel_all(waiting: QuerySet[Email]) -> int:
    """Cancel those of these emails that still wait; an unknown one stays unknown and is not sent again.

    Returns how many. When it stops in the middle, the rest waits on.
    """
    return sum(map(_cancel, pieces.keys(waiting)))


def _cancel(pks: list[UUID]) -> int:
    now = clock.now()
    with transaction.atomic():
        mine = Email.objects.filter(pk__in=pks).order_by()
        list(
            mine.order_by("pk").select_for_update().values_list("pk")
        )  # the order in which events lock emails, too
        unsent = list(mine.filter(status__in=NOT_SENT_YET).values_list("pk", flat=True))
        ended = Email.objects.filter(pk__in=unsent).update(
            status=Email.Status.CANCELLED, reason=CANCELLED, due_at=None, finished_at=now
        )
        undecided = Recipient.objects.filter(email__in=unsent, status__in=_UNDECIDED)
        undecided.update(status=Recipient.Status.CANCELLED)
        unknown = mine.filter(status=Email.Status.UNKNOWN, due_at__isnull=False)
        return ended + unknown.update(due_at=None, finished_at=now)
