"""Deleting what a team had: begun by an order, gone on with by whoever comes, in steps between which it may be killed.

What waits is cancelled, what a provider has at this moment is finished. Then all tables are emptied of the team, the
files of a row before the row, and at last the team itself goes. The row of the deletion says how far it has come.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, ProtectedError, Q
from django.db.models.functions import Now

from delivery.access import pauses
from delivery.audience import states
from delivery.db import clock, ids, traces
from delivery.deletion import files, journals, steps
from delivery.deletion.steps import Step
from delivery.models import Email, Import, ProviderEvent, Team, TeamDeletion
from delivery.search import subject_index
from delivery.submission import cancelling

LEASE: Final = timedelta(seconds=30)  # renewed with each step, which takes a second at most
# Between the last answer and the first row that goes: every machine has held its journal against the database by
# then, every process has learnt which keys and endpoints are off, and a request that knew better is over.
QUIET: Final = timedelta(seconds=12)
_A_WHILE: Final = 1.0  # seconds of cancelling between two looks at the lease
_BEFORE: Final = timedelta(minutes=1)
_WAITS: Final = {
    "sending": "Emails that a provider has at this moment: {:,}. They are finished first.",
    "quiet": "The last answers are being written down everywhere.",
    "files": "A file is about to be used by another team.",
    "again": "Something of the team came meanwhile; it is looked for again.",
    "log": "A reader of the database keeps its log from being emptied.",
}
Tell = Callable[[TeamDeletion], object]
log = logging.getLogger(__name__)


class _Lost(Exception):
    """Another process has taken the deletion over: what this one is doing must not count."""


def run(deletion: TeamDeletion, *, seconds: float | None = None, tell: Tell = bool) -> TeamDeletion:
    """Go on with a deletion until it is done, has to wait, or the time is over; return it as it is then.

    Nothing happens while another process has it.
    """
    until = time.monotonic() + seconds if seconds is not None else float("inf")
    if _claim(deletion):
        try:
            _go_on(deletion, lambda: time.monotonic() < until, tell)
        except _Lost:
            log.info("Deletion %s goes on in another process", deletion.pk)
        except files.Held:
            _wait(deletion, _WAITS["files"])
        except (ProtectedError, IntegrityError) as error:
            log.warning("Something of team %s came while it was deleted: %s", deletion.team_id, error)
            _wait(deletion, _WAITS["again"])
        finally:
            _mine(deletion).update(lease_until=None)
    deletion.refresh_from_db()
    return deletion


def unfinished() -> list[TeamDeletion]:
    """Return the deletions that nobody works on, longest first."""
    return list(TeamDeletion.objects.filter(_free(), finished_at=None).order_by("pk"))


def _free() -> Q:
    over = Q(lease_until=None) | Q(lease_until__gt=Now() + 2 * LEASE)  # the clock was set back since
    return over if clock.has_jumped(within=LEASE) else over | Q(lease_until__lt=Now())


def _claim(deletion: TeamDeletion) -> bool:
    free = TeamDeletion.objects.filter(_free(), pk=deletion.pk, finished_at=None)
    claimed = free.update(epoch=F("epoch") + 1, lease_until=Now() + LEASE)
    deletion.refresh_from_db()
    return bool(claimed)


def _mine(deletion: TeamDeletion) -> Any:
    return TeamDeletion.objects.filter(pk=deletion.pk, epoch=deletion.epoch)


def _note(deletion: TeamDeletion, **changes: Any) -> None:
    """Store how far it has come, and renew the claim; raise _Lost if it is not ours."""
    if not _mine(deletion).update(lease_until=Now() + LEASE, **changes):
        raise _Lost
    for name, value in changes.items():
        setattr(deletion, name, value)


def _wait(deletion: TeamDeletion, why: str, **changes: Any) -> None:
    _mine(deletion).update(waits_for=why, **changes)


def _go_on(deletion: TeamDeletion, may: Callable[[], bool], tell: Tell) -> None:
    team = Team.objects.filter(pk=deletion.team_id).first()
    if team:
        if not _come_to_rest(deletion, team, may, tell):
            return
        journals.see_to([deletion])
        for step in steps.of(team.pk):
            _take(deletion, step)
            tell(deletion)
            if not may():
                return
        _end(deletion, team)
    _finish(deletion)


def _come_to_rest(deletion: TeamDeletion, team: Team, may: Callable[[], bool], tell: Tell) -> bool:
    """Cancel what waits; tell whether none of the team's emails is under way any more, for a while."""
    _cancel(deletion, team, tell, may)
    sending = Email.objects.order_by().filter(team=team, status=Email.Status.SENDING).count()
    if sending or pauses.waiting_of(team).exists():
        _note(deletion, still_since=None, waits_for=_WAITS["sending"].format(sending) if sending else "")
        return False
    if deletion.still_since is None:
        _note(deletion, still_since=clock.now())
    if clock.now() < deletion.still_since + QUIET:  # type: ignore[operator]
        _note(deletion, waits_for=_WAITS["quiet"])
        return False
    _note(deletion, waits_for="")
    return True


def _cancel(deletion: TeamDeletion, team: Team, tell: Tell, may: Callable[[], bool]) -> None:
    for imported in Import.objects.filter(team=team).exclude(status__in=Import.OVER):
        states.move(imported, "cancel")
    while waiting := cancelling.cancel_all(pauses.waiting_of(team), seconds=_A_WHILE):
        _count(deletion, Counter(cancelled=waiting))
        tell(deletion)
        if not may():
            return


def _take(deletion: TeamDeletion, step: Step) -> None:
    """Take a step, in one transaction with what the row says of it."""
    step.prepare()
    with transaction.atomic():
        _count(deletion, step.take())


def _count(deletion: TeamDeletion, more: Counter[str]) -> None:
    _note(deletion, counts=dict(Counter(deletion.counts) + more))


def _end(deletion: TeamDeletion, team: Team) -> None:
    """Delete the team itself; raises ProtectedError or IntegrityError if something of it came meanwhile."""
    with transaction.atomic():
        _note(deletion)
        steps.forget_history(Team, [team.pk])
        Team.objects.filter(pk=team.pk).delete()


def _finish(deletion: TeamDeletion) -> None:
    """Forget what came in between, and what the database keeps of rows that are gone; then it is done."""
    _strays(deletion).delete()
    journals.overwrite([deletion.team_id])
    subject_index.forget_removed()
    if traces.empty_log():
        _note(deletion, finished_at=clock.now(), waits_for="")
    else:
        _wait(deletion, _WAITS["log"])


def _strays(deletion: TeamDeletion) -> Any:
    """Return events that were told of an email while it was deleted: no constraint holds them."""
    since = ids.floor(deletion.at - _BEFORE)
    email = Email.objects.filter(pk=OuterRef("email"))
    return ProviderEvent.objects.filter(~Exists(email), pk__gt=since, email__isnull=False)
