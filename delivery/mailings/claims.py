"""Claims of mailings: one process checks a mailing or makes its emails, until it gives it back or its lease ends."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from delivery import process
from delivery.db import clock
from delivery.mailings import states
from delivery.models import Mailing
from delivery.models.mailing import LEASE, MOST_CRASHES

State = Mailing.State
_MOST: Final = 20  # looked at in one go
_ENDS: Final = timedelta(minutes=10)  # of a pause, in which what was under way comes to its end
SET_ASIDE: Final = (
    "Three processes in a row ended while they made its emails. What was sent is sent; resuming it goes on."
)
CHECK_SET_ASIDE: Final = "Three processes in a row ended while they checked it."
log = logging.getLogger(__name__)


class Lost(Exception):
    """The mailing is not ours any more, or was changed, paused or cancelled: this step must not count."""


def wanted() -> QuerySet[Mailing]:
    """Return the mailings that some process has something to do for now."""
    checked = Q(state=State.DRAFT, check_asked_at__isnull=False)
    begun = Q(state=State.SCHEDULED, send_at__lte=Now()) | Q(state=State.SENDING)
    ended = Q(state=State.CANCELLED, finished_at=None)
    return Mailing.objects.filter(checked | begun | ended).order_by("id")


def just_paused() -> QuerySet[Mailing]:
    """Return those of which emails may still be under way: nobody has them, and somebody looks at their counts."""
    return Mailing.objects.filter(state=State.PAUSED, paused_at__gt=Now() - _ENDS).order_by()


def take(pk: UUID | None = None) -> Mailing | None:
    """Claim a mailing, the oldest unless it is named; pause one that ended three processes."""
    return _first_of(_free().filter(pk=pk) if pk else _free())


def take_check(pk: UUID) -> Mailing | None:
    """Claim the check of a mailing, if it still waits: the mailing may have been checked and started meanwhile."""
    return _first_of(_free().filter(pk=pk, state=State.DRAFT))


def read(pk: UUID) -> Mailing:
    """Return a mailing with all that its emails are made of."""
    return _whole().get(pk=pk)


def hold(mailing: Mailing) -> None:
    """Lock the mailing in the caller's transaction; raise Lost if it is not ours, or is in another state."""
    mine = Mailing.objects.select_for_update().filter(pk=mailing.pk, epoch=mailing.epoch)
    if not mine.filter(state=mailing.state).order_by().values("pk"):
        raise Lost


def advance(mailing: Mailing, **changes: Any) -> None:
    """Store how far it has come, here and in memory, and renew the claim; the caller holds it."""
    Mailing.objects.filter(pk=mailing.pk).update(lease_until=Now() + LEASE, crashes=0, **changes)
    for name, value in changes.items():
        setattr(mailing, name, value)


def is_ours(mailing: Mailing) -> bool:
    """Tell whether it is, and is in the state that it had."""
    return Mailing.objects.filter(pk=mailing.pk, epoch=mailing.epoch, state=mailing.state).exists()


def renew(mailing: Mailing, **changes: Any) -> None:
    """Renew the claim, and store what does not depend on anything; raise Lost if there is none any more."""
    mine = Mailing.objects.filter(pk=mailing.pk, epoch=mailing.epoch, state=mailing.state)
    if not mine.update(lease_until=Now() + LEASE, crashes=0, **changes):
        raise Lost


def keep(several: Sequence[Mailing]) -> None:
    """Renew the claims that this process still has of these. It is no progress: crashes go on being counted."""
    mine = Q(pk__in=[])
    for mailing in several:
        mine |= Q(pk=mailing.pk, epoch=mailing.epoch)
    Mailing.objects.filter(mine, worker=process.identity()).update(lease_until=Now() + LEASE)


def give_back(mailing: Mailing) -> None:
    """End the claim of this process; somebody else may go on."""
    Mailing.objects.filter(pk=mailing.pk, epoch=mailing.epoch).update(worker=None, lease_until=None)


def _first_of(free: QuerySet[Mailing]) -> Mailing | None:
    for found in free.only("pk", "epoch", "state", "worker", "crashes")[:_MOST]:
        if found.crashes + _has_crashed(found) >= MOST_CRASHES:
            _set_aside(found)
        elif _claim(found) and (claimed := _as_claimed(found)):
            return claimed
    return None


def _as_claimed(found: Mailing) -> Mailing | None:
    """Read what was claimed; None: it was paused, cancelled or changed since, and is not ours."""
    return _whole().filter(pk=found.pk, epoch=found.epoch + 1, state=found.state).first()


def _whole() -> QuerySet[Mailing]:
    return Mailing.objects.select_related("group", "team", "team__limits", "key", "key__limits")


def _free() -> QuerySet[Mailing]:
    over = Q(lease_until=None)
    if not clock.has_jumped(within=LEASE):
        over |= Q(lease_until__lt=Now()) | Q(
            lease_until__gt=Now() + 2 * LEASE
        )  # the clock was set back since
    return wanted().filter(over)


def _has_crashed(found: Mailing) -> bool:
    """Tell whether a process had it and did not give it back."""
    return found.worker is not None


def _claim(found: Mailing) -> bool:
    changes = {"worker": process.identity(), "epoch": F("epoch") + 1, "lease_until": Now() + LEASE}
    changes["crashes"] = F("crashes") + int(_has_crashed(found))
    return bool(_unchanged(found).update(**changes))


def _set_aside(found: Mailing) -> None:
    with transaction.atomic():
        if _unchanged(found).update(epoch=F("epoch") + 1, crashes=0, worker=None, lease_until=None):
            states.set_aside(found, CHECK_SET_ASIDE if found.state == State.DRAFT else SET_ASIDE)
            log.error("Mailing %s is set aside: it ended three processes that had it", found.pk)


def _unchanged(found: Mailing) -> QuerySet[Mailing]:
    return _free().order_by().filter(pk=found.pk, epoch=found.epoch, state=found.state)
