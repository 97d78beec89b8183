"""Rounds: a round is one walk of an email along the providers, begun with a claim, ended by a stored outcome."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from delivery import process
from delivery.bundles import Bundle
from delivery.content import links
from delivery.counting import context
from delivery.db import outages
from delivery.db.outages import AWAY
from delivery.files.refused import FileRefused
from delivery.files.scan import NotScanned
from delivery.models import Attempt, Email
from delivery.queue import claims, leases
from delivery.routing import avoided, configured
from delivery.routing.gate import Gate
from delivery.routing.governor import Permit
from delivery.sending import attempts, outcomes, replay, scanning, suppressed, transitions, unknown
from delivery.sending.outcomes import Outcome
from providers import errors, failover, failpoints
from providers.base import Provider
from providers.message import Message

logger = logging.getLogger(__name__)
GoingOn = Callable[[], bool]  # whether this process may begin further attempts
_LONGEST_POSTPONEMENT = 60.0  # seconds
CONTENT_GONE = "Its content was erased."  # and then somebody wanted it to be sent again
BUDGET = 25.0  # seconds in which a round may begin attempts; each is limited to 28 s


def _process_goes_on() -> bool:
    return not process.is_ending()


def dispatch(pk: UUID, going_on: GoingOn = _process_goes_on, permit: Permit | None = None) -> Email | None:
    """Claim a due email and hand it over; return None if it is not due or another process has it.

    Once `going_on` returns False, no further attempt begins; the remaining providers wait for the next round.
    `permit`: for the first provider, taken before the claim.
    """
    bundle = claims.take(pk)
    return _dispatch(bundle, going_on, permit or Permit()) if bundle else None


def dispatch_suspect(pk: UUID) -> Email | None:
    """Do the same with a suspect; see recovery.quarantine."""
    bundle = claims.take_suspect(pk)
    return _dispatch(bundle, _process_goes_on, Permit()) if bundle else None


def _dispatch(bundle: Bundle, going_on: GoingOn, permit: Permit) -> Email | None:
    email = bundle.email
    with leases.kept(email.pk), context.about(email=email.pk, team=email.team_id):
        return _offer_claimed(bundle, going_on, permit)


def _offer_claimed(bundle: Bundle, going_on: GoingOn, permit: Permit) -> Email | None:
    ready = prepare(bundle, going_on, permit)
    if isinstance(ready, Email):
        return ready
    walk = begin(ready)
    return settle(walk, walk.offer) if isinstance(walk, Walk) else walk


def prepare(
    bundle: Bundle, going_on: GoingOn, permit: Permit, found: suppressed.Found | None = None
) -> "Round | Email":
    """Return the round of a claimed email, which its first provider has let through; or the email: nobody is asked.

    `found`: who of its recipients is kept out, as was found a moment ago. Where it takes long to prepare, that is asked
    once more: an email of which somebody is kept out since goes back into the queue.
    """
    email = bundle.email
    failpoints.reach("after-claim", about=email.subject)
    if email.body_pruned_at:
        return _requeue(email, outcomes.failed(CONTENT_GONE), rounds=email.rounds - 1)
    found = found or suppressed.find(bundle)
    ready = _prepared(bundle, going_on, permit, found)
    if isinstance(ready, Round) and not _holds(bundle, found, ready.gate):
        return put_back(email, ready.gate)
    return ready


def _prepared(bundle: Bundle, going_on: GoingOn, permit: Permit, found: suppressed.Found) -> "Round | Email":
    email = bundle.email
    if kept_back := _kept_back(bundle, found):
        return kept_back
    try:
        message = bundle.message()
        able, email.left_out = configured.eligible(message)
        if email.mailing_id:
            able, email.left_out = avoided.spared(email.mailing_id, able, email.left_out)
    except (configured.NobodyCanCarry, links.NotSetUp) as nobody:
        waiting = outcomes.wait(str(nobody) or "No provider is configured.", rounds=email.rounds)
        return _requeue(email, waiting, rounds=email.rounds)
    in_order = unknown.asked_first(email, able)
    gate = Gate(email, in_order, recipients=len(message.recipients), permit=permit)
    first = gate.next()
    if first is None:
        return _requeue(email, postponed(gate), rounds=email.rounds - 1)  # nobody was asked
    return Round(email=email, message=message, gate=gate, first=first, going_on=going_on)


def begin(this: "Round") -> "Walk | Email | None":
    """Write the first attempt down; return the email if a provider turns out to have it, None if its claim is lost."""
    email, gate = this.email, this.gate
    try:
        return Walk(this, attempts.begin(email, this.first))
    except attempts.ClaimLost:
        gate.release()
        return None
    except attempts.AcceptedBefore:
        gate.release()
        return _requeue(email, outcomes.at_once(""), rounds=email.rounds - 1)  # which settles it as sent
    except Exception:  # nobody was asked
        gate.release()
        raise


def _holds(bundle: Bundle, found: suppressed.Found, gate: Gate) -> bool:
    try:
        return suppressed.holds(bundle, found)
    except Exception:  # nobody was asked
        gate.release()
        raise


def _kept_back(bundle: Bundle, found: suppressed.Found) -> Email | None:
    """Return the email if nobody may get it, or not yet."""
    email = bundle.email
    try:
        suppressed.leave_out(bundle, found)
        scanning.insist(bundle)
    except suppressed.AllSuppressed as nobody:
        return _end_suppressed(bundle, nobody)
    except FileRefused as refusal:
        return _end_refused(bundle, refusal)
    except NotScanned as why:
        return _requeue(email, scanning.waiting(why), rounds=email.rounds - 1)  # nobody was asked
    return None


@dataclass(frozen=True, kw_only=True)
class Round:
    """One walk of one email along the providers."""

    email: Email
    message: Message
    gate: Gate
    first: Provider  # has been let through, and its attempt is durable
    going_on: GoingOn = _process_goes_on

    def candidates(self) -> Iterator[Provider]:
        """Yield the providers while attempts may still begin; the others wait for the next round."""
        started = time.monotonic()
        yield self.first
        while time.monotonic() - started <= BUDGET and self.going_on():
            following = outages.insist(self.gate.next)
            if following is None:
                return
            yield following


class Walk:
    """A round whose first attempt is durable."""

    def __init__(self, this: Round, attempt: Attempt) -> None:
        """Take the round and its first attempt."""
        self.round = this
        self.log = attempts.Log(this.email, attempt, this.gate.learn, this.gate.begin)

    def offer(self) -> Outcome:
        """Offer the email to one provider after another; return what has come of it, for `settle`."""
        return _offer(self.round, self.log)


def hand_over(this: Round, attempt: Attempt) -> Email:
    """Walk along the providers, beginning with this durable attempt; return the email with its outcome."""
    walk = Walk(this, attempt)
    return settle(walk, walk.offer)


def settle(walk: Walk, offer: Callable[[], Outcome]) -> Email:
    """Store what comes of a walk, whatever the offer raises; return the email with its outcome."""
    this, log = walk.round, walk.log
    try:
        return _handed_over(this, log, offer)
    except Email.DoesNotExist:
        # What became of it stands in the journal: `manage.py after_restore` lists it.
        logger.critical(
            "Email %s is not in the database any more: an older state has come back", this.email.pk
        )
        if log.entry:
            transitions.apply(this.email, replay.outcome(this.email, log.last.provider, log.entry))
        return this.email


def settle_later(walk: Walk) -> None:
    """Store what came of a walk as soon as the database can be used again; until then the journal has it."""
    walk.round.gate.release()
    outages.until_done(lambda: _replay(walk.log))


def put_back(email: Email, gate: Gate | None = None) -> Email:
    """Put a claimed email, of which nobody was asked, back into the queue: it is due at once."""
    if gate:
        gate.release()
    return _requeue(email, outcomes.at_once(""), rounds=email.rounds - 1)


def _handed_over(this: Round, log: attempts.Log, offer: Callable[[], Outcome]) -> Email:
    email = this.email
    try:
        outcome = offer()
        outages.insist(lambda: transitions.record(email, outcome, log.last))
        failpoints.reach("after-finish")
        log.tell()
    except attempts.ClaimLost:
        outages.insist(lambda: transitions.record_loss(email, log.last))
        log.tell()
    except AWAY as error:
        # The email is durable, so the client must not send it again: it stays `sending` until its outcome is stored.
        outages.report(f"the outcome of email {email.pk} is stored later", error)
        outages.until_done(lambda: _replay(log))
    finally:
        this.gate.release()
    return email


def _replay(log: attempts.Log) -> None:
    if log.entry:
        replay.apply(log.entry)
        log.tell()


def _offer(this: Round, log: attempts.Log) -> Outcome:
    try:
        receipt = failover.send(this.message, this.candidates(), log.attempt)
    except errors.NobodyAccepted as nobody:
        others_in = this.gate.seconds_to_wait()
        _warn_of_files(this.email, nobody)
        return outcomes.of_nobody(nobody, rounds=this.email.rounds, others_in=others_in)
    except errors.Refused as refusal:
        return outcomes.failed(refusal.reason)
    except errors.Unknown as doubt:
        reason = doubt.reason
        return outages.insist(lambda: unknown.outcome(this.email, reason))
    return outcomes.sent(receipt)


def _warn_of_files(email: Email, nobody: errors.NobodyAccepted) -> None:
    if isinstance(nobody.failures[-1], errors.Unreadable):
        logger.error("Email %s waits for its files: %s", email.pk, nobody.failures[-1].detail)


def postponed(gate: Gate) -> Outcome:
    """No provider may be used now: the email is due again when one may be, after a minute at the latest.

    A person may put a provider back sooner than its circuit says.
    """
    seconds = min(gate.seconds_to_wait() or 0.0, _LONGEST_POSTPONEMENT)
    return outcomes.wait(gate.reason, rounds=1, at_least=seconds)


def _end_suppressed(bundle: Bundle, nobody: suppressed.AllSuppressed) -> Email:
    """Write down that nobody may get the email; an earlier round may have sent it, and then it stays unknown."""
    email = bundle.email
    with transaction.atomic():
        known = transitions.judged(email, outcomes.suppressed(str(nobody)))
        if transitions.move(email, email.still_mine(), known) and known.status == Email.Status.FAILED:
            suppressed.record(email, nobody.recipients)
    email.refresh_from_db()
    return email


def _end_refused(bundle: Bundle, refusal: FileRefused) -> Email:
    """Write down that the scanner has found something; an earlier round may have sent it before there was one."""
    email = bundle.email
    with transaction.atomic():
        if transitions.move(email, email.still_mine(), transitions.judged(email, scanning.failed(refusal))):
            scanning.keep_from_resending(bundle, refusal)
    email.refresh_from_db()
    return email


def _requeue(email: Email, outcome: Outcome, *, rounds: int) -> Email:
    with transaction.atomic():
        if transitions.move(email, email.still_mine(), transitions.judged(email, outcome)):
            Email.objects.filter(pk=email.pk).update(rounds=rounds)
    email.refresh_from_db()
    return email
