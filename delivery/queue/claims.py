"""Claims of due emails: only the process with the claim may send an email, until its lease ends."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Case, F, When
from django.db.models.functions import Now

from delivery import bundles, process
from delivery.bundles import Bundle
from delivery.db.compiled import Change, Parameter, Parameters, UpdateReturning
from delivery.db.group_commit import GroupCommit
from delivery.models import Email
from delivery.models.email import LEASE, EmailQuerySet
from delivery.queue import watermark


def take(pk: UUID) -> Bundle | None:
    """Claim a due email for this process; return None if it is not due, or claimed by another one."""
    watermark.be_sure()
    return _taken.ask(pk)


def take_all(pks: Sequence[UUID]) -> list[Bundle]:
    """Claim due emails for this process at once; return those that it has got."""
    watermark.be_sure()
    return [bundle for bundle in _take(_INNOCENT, pks) if bundle]


def take_suspect(pk: UUID) -> Bundle | None:
    """Claim a due suspect, for a process that handles nothing else."""
    watermark.be_sure()
    return _take(_SUSPECTS, [pk])[0]


def _take(claim: UpdateReturning[Email], pks: Sequence[UUID]) -> list[Bundle | None]:
    claimed = claim.run(pks, worker=process.identity())
    whole = {bundle.email.pk: bundle for bundle in bundles.load_all(claimed)}
    return [whole.pop(pk, None) for pk in pks]  # the same email may be asked for twice


def _claim(which: Callable[[EmailQuerySet], EmailQuerySet]) -> UpdateReturning[Email]:
    """Return the statement that claims due emails; it skips rows that another process has locked."""

    def make(pks: Parameters) -> Change:
        due = which(Email.objects.due()).order_by().filter(pk__in=pks)
        free = due.select_for_update(skip_locked=True)
        return Email.objects.filter(pk__in=free.values("pk")), _changes()

    return UpdateReturning[Email]("pk", make)


def _changes() -> dict[str, Any]:
    return {
        "status": Email.Status.SENDING,
        "possible_duplicate": Case(
            When(status=Email.Status.UNKNOWN, then=True), default=F("possible_duplicate")
        ),
        "epoch": F("epoch") + 1,
        "rounds": F("rounds") + 1,
        "lease_until": Now() + LEASE,
        "worker": Parameter("worker"),
    }


_INNOCENT, _SUSPECTS = _claim(EmailQuerySet.innocent), _claim(EmailQuerySet.suspected)
_taken = GroupCommit[UUID, Bundle | None](lambda pks: _take(_INNOCENT, pks))
