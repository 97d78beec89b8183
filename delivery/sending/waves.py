"""Waves: many claimed emails at once. What is asked and written for each is asked and written for all together.

Every email has a round of its own, as if it were alone: the steps are those of rounds.py. What is odd goes its own way.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

from delivery.bundles import Bundle
from delivery.counting import context
from delivery.db import outages
from delivery.db.outages import AWAY
from delivery.models import Email
from delivery.queue import leases
from delivery.routing.governor import Permit
from delivery.sending import attempts, rounds, suppressed, transitions
from delivery.sending.outcomes import Outcome
from delivery.sending.rounds import GoingOn, Round, Walk
from providers import failpoints
from providers.wire import shortage

log = logging.getLogger(__name__)


class Begun(NamedTuple):
    """An email whose first attempt is durable; to be offered, and settled then."""

    walk: Walk
    lease: float  # kept until it is settled

    @property
    def email(self) -> Email:
        """The email in memory."""
        return self.walk.round.email


class Ended(NamedTuple):
    """An email that was offered."""

    begun: Begun
    outcome: Callable[[], Outcome]  # raises what its offer has raised


def begin(several: Sequence[tuple[Bundle, Permit]], going_on: GoingOn) -> list[Begun]:
    """Write down the first attempts of claimed emails; those that nobody is asked for are settled here.

    Raises the errors of a database that is away, and of a machine that has run short: then none has begun.
    """
    kept = {bundle.email.pk: leases.keep(bundle.email.pk) for bundle, _ in several}
    walks: list[Walk] = []
    try:
        walks = _begun(list(_prepared(several, going_on)))
    finally:
        for pk in kept.keys() - {walk.round.email.pk for walk in walks}:
            leases.drop(pk, kept[pk])
    return [Begun(walk, kept[walk.round.email.pk]) for walk in walks]


def offer(begun: Begun) -> Outcome:
    """Offer one email to its providers; return what has come of it, for `settle`."""
    with _about(begun.email):
        return begun.walk.offer()


def settle(ended: Sequence[Ended]) -> None:
    """Store what came of emails: of all that were simply sent in one transaction, of each other one by itself."""
    sent = [(each, outcome) for each in ended if (outcome := _plain(each))]
    together = bool(sent) and _record(sent)
    done = {each.begun.email.pk for each, _ in sent} if together else set()
    try:
        for each in ended:
            if each.begun.email.pk not in done:
                _settle_alone(each)
    finally:
        for each in ended:
            leases.drop(each.begun.email.pk, each.begun.lease)


def _prepared(several: Sequence[tuple[Bundle, Permit]], going_on: GoingOn) -> Iterator[Round]:
    found = suppressed.find_all([bundle for bundle, _ in several])
    ready: list[Round] = []
    try:
        for (bundle, permit), out in zip(several, found, strict=True):
            if this := _ready(bundle, going_on, permit, out):
                ready.append(this)
    except Exception:
        _release(ready)
        raise
    return iter(ready)


def _ready(bundle: Bundle, going_on: GoingOn, permit: Permit, found: suppressed.Found) -> Round | None:
    """Return its round; None: nobody is asked, or it is the one at which something fails, and the others go on."""
    try:
        with _about(bundle.email):
            this = rounds.prepare(bundle, going_on, permit, found)
    except AWAY:
        raise
    except Exception as error:
        if shortage.explains(error):
            raise
        log.exception("Email %s could not be handed over; its claim ends with its lease", bundle.email.pk)
        return None
    return this if isinstance(this, Round) else None


def _begun(ready: Sequence[Round]) -> list[Walk]:
    if not ready:
        return []
    try:
        started = attempts.begin_all([(this.email, this.first) for this in ready])
    except (attempts.ClaimLost, attempts.AcceptedBefore):
        found = [rounds.begin(this) for this in ready]
        return [walk for walk in found if isinstance(walk, Walk)]
    except Exception:  # nobody was asked
        _release(ready)
        raise
    return [Walk(this, attempt) for this, attempt in zip(ready, started, strict=True)]


def _about(email: Email) -> AbstractContextManager[dict[str, str]]:
    return context.about(email=email.pk, team=email.team_id)


def _release(ready: Sequence[Round]) -> None:
    for this in ready:
        this.gate.release()


def _plain(each: Ended) -> Outcome | None:
    try:
        outcome = each.outcome()
    except Exception:  # noqa: BLE001 - it is raised once more where it is settled alone
        return None
    return outcome if transitions.is_plain(each.begun.email, outcome) else None


def _record(sent: Sequence[tuple[Ended, Outcome]]) -> bool:
    """Store outcomes together; tell whether they are stored."""
    parts = [(each.begun.email, outcome, each.begun.walk.log.last) for each, outcome in sent]
    try:
        outages.insist(lambda: transitions.record_plain(parts))
    except Exception:  # noqa: BLE001 - nothing is stored, and each is stored alone, or runs into its own
        return False
    failpoints.reach("after-finish")
    for each, _ in sent:
        each.begun.walk.log.tell()
        each.begun.walk.round.gate.release()
    return True


def _settle_alone(each: Ended) -> None:
    try:
        with _about(each.begun.email):
            rounds.settle(each.begun.walk, each.outcome)
    except Exception:
        log.exception("Email %s could not be settled; its claim ends with its lease", each.begun.email.pk)
