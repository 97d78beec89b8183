"""Waves: many claimed emails at once. What is asked and written for each is asked and written for all together.

Every email has a round of its own, as if it were alone: the steps are those of rounds.py. What is odd goes its own way.
"""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

from delivery.bundles import Bundle
from delivery.counting import context
from delivery.db import outages
from delivery.db.outages import AWAY
from delivery.models import Email
from delivery.queue import leases
from delivery.routing.governor import Permit
from delivery.sending import attempts, fresh_claims, rounds, suppressed, transitions
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
        walks = _begun(_prepared(several, going_on))
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
    until = time.monotonic() + outages.INSISTENCE
    try:
        sent = [(each, outcome) for each in ended if (outcome := _plain(each))]
        done = {each.begun.email.pk for each, _ in sent} if sent and _record(sent) else set()
        for each in ended:
            if each.begun.email.pk not in done:
                _settle_alone(each, until)
    finally:
        for each in ended:
            leases.drop(each.begun.email.pk, each.begun.lease)


def _prepared(several: Sequence[tuple[Bundle, Permit]], going_on: GoingOn) -> list[Round]:
    """Return the rounds of those that may go now; what was asked about them is no older than half a second.

    If one takes longer, it is asked about once more; those before it and after it go back into the queue, and are
    claimed and asked about again.
    """
    found, until = _found([bundle for bundle, _ in several]), time.monotonic() + suppressed.FRESH
    ready: list[Round] = []
    tried, last = 0, None
    try:
        while tried < len(several) and time.monotonic() <= until:
            (bundle, permit), tried = several[tried], tried + 1
            last = _ready(bundle, going_on, permit, found[tried - 1])
            ready += [last] if last else []
        if time.monotonic() > until:
            _put_back([this for this in ready if this is not last], [bundle for bundle, _ in several[tried:]])
            ready = [last] if last else []
    except Exception:
        _release(ready)
        raise
    return ready


def _put_back(before: Sequence[Round], behind: Sequence[Bundle]) -> None:
    for this in before:
        rounds.put_back(this.email, this.gate)
    for bundle in behind:
        rounds.put_back(bundle.email)


def _found(bundles: Sequence[Bundle]) -> Sequence[suppressed.Found | None]:
    """Return who is kept out of each; None: something fails for one of them, and each is to be asked about alone."""
    try:
        return suppressed.find_all(bundles)
    except Exception as error:
        if _is_everybodys(error):
            raise
        log.exception("Who is kept out of some emails could not be asked for all of them together")
        return [None] * len(bundles)


def _ready(bundle: Bundle, going_on: GoingOn, permit: Permit, found: suppressed.Found | None) -> Round | None:
    """Return its round; None: nobody is asked, or it is the one at which something fails, and the others go on."""
    try:
        with _about(bundle.email):
            this = rounds.prepare(bundle, going_on, permit, found)
    except Exception as error:
        if _is_everybodys(error):
            raise
        log.exception("Email %s could not be handed over; its claim ends with its lease", bundle.email.pk)
        return None
    return this if isinstance(this, Round) else None


def _begun(ready: Sequence[Round]) -> list[Walk]:
    if not ready:
        return []
    try:
        started = attempts.begin_all([(this.email, this.first) for this in ready], fresh_claims.hold)
    except (attempts.ClaimLost, attempts.AcceptedBefore):
        return _begun_alone(ready)
    except Exception:  # nobody was asked
        _release(ready)
        raise
    return [Walk(this, attempt) for this, attempt in zip(ready, started, strict=True)]


def _begun_alone(ready: Sequence[Round]) -> list[Walk]:
    """Begin each by itself; those that have begun go on, whatever happens to the others."""
    walks: list[Walk] = []
    for place, this in enumerate(ready):
        try:
            with _about(this.email):
                walk = rounds.begin(this)
        except Exception as error:
            stops = _is_everybodys(error)
            _release(ready[place + 1 :] if stops else ())
            if stops and not walks:
                raise
            log.exception("Email %s could not be handed over; its claim ends with its lease", this.email.pk)
            if stops:
                break
        else:
            walks += [walk] if isinstance(walk, Walk) else []
    return walks


def _is_everybodys(error: Exception) -> bool:
    """Tell whether the next email would meet it, too: the database is away, or this machine has run short."""
    return shortage.explains(error) or (isinstance(error, AWAY) and outages.is_away())


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
    except (*AWAY, attempts.ClaimLost):  # nothing is stored, and each is stored alone, or runs into its own
        return False
    except Exception:
        log.exception("Outcomes could not be stored together; each is stored alone")
        return False
    failpoints.reach("after-finish")
    for each, _ in sent:
        _tell(each.begun.walk)
    return True


def _tell(walk: Walk) -> None:
    try:
        with _about(walk.round.email):
            walk.log.tell()
    except Exception:
        log.exception("The answer to email %s is stored, and taught nothing", walk.round.email.pk)
    finally:
        walk.round.gate.release()


def _settle_alone(each: Ended, until: float) -> None:
    """Store it; what is in the journal is stored in the background once the database has been away for so long."""
    walk = each.begun.walk
    try:
        with _about(each.begun.email):
            if time.monotonic() > until and walk.log.entry:
                rounds.settle_later(walk)
            else:
                rounds.settle(walk, each.outcome)
    except Exception:
        log.exception("Email %s could not be settled; its claim ends with its lease", each.begun.email.pk)
