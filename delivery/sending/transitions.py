"""Transitions of emails: stores the outcome of a round, also when its claim has been lost to another process."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from delivery.access import stored
from delivery.audience import results
from delivery.content import addresses
from delivery.counting import counters
from delivery.db import clock, compiled
from delivery.db.compiled import Parameter
from delivery.db.group_commit import GroupCommit
from delivery.db.text import storable
from delivery.models import Attempt, Email, Recipient
from delivery.sending import attempts, copies, erased, notices, outcomes, unknown
from delivery.sending.outcomes import Outcome
from providers import failpoints

SETTLED_LATE = "Settled by the provider's answer, which came after the claim had ended."
SETTLED_BY_EVENT = "Settled by an event of the provider: it has the email."
_UNDECIDED = (Recipient.Status.PENDING, Recipient.Status.UNKNOWN)
_CHANGED = ("status", "provider", "reason", "due_at", "lease_until", "finished_at")  # columns of an outcome
_NOT_UNDER_WAY = (Email.Status.UNKNOWN, Email.Status.QUEUED, Email.Status.QUARANTINED)

_Part = tuple[Email, Outcome, Attempt]


def record(email: Email, outcome: Outcome, last: Attempt) -> None:
    """Store a round's outcome and its last attempt in one transaction."""
    if is_plain(email, outcome):
        _recorded.ask((email, outcome, last))
    else:
        _record_one(email, outcome, last)


def is_plain(email: Email, outcome: Outcome) -> bool:
    """Tell whether an outcome may be stored together with others: nothing has to be looked up for it."""
    return outcome.status == Email.Status.SENT and not email.possible_duplicate


def record_plain(parts: Sequence[_Part]) -> Sequence[None]:
    """Store plain outcomes in one transaction; raise ClaimLost, storing none, if one claim was lost.

    Bodies of mailings go at once: they can be written again, and the row has no further version for it.
    """
    if len(parts) == 1:
        _record_one(*parts[0])
        return (None,)
    parts = sorted(parts, key=lambda part: part[0].pk)  # the order in which events lock emails, too
    can_be_written_again = all(email.mailing_id for email, _, _ in parts)
    with transaction.atomic():
        bodies = _bodies([email for email, _, _ in parts]) if can_be_written_again else []
        update = _MOVED_BARE if can_be_written_again else _MOVED
        if not _move_mine([(email, outcome) for email, outcome, _ in parts], update):
            raise attempts.ClaimLost
        attempts.store_all([last for _, _, last in parts])
        stored.count_off(bodies)  # behind the emails, as an erasure does
        failpoints.reach("in-finish")
    for email, outcome, _ in parts:
        apply(email, outcome)
    return (None,) * len(parts)


_recorded = GroupCommit(record_plain)


def _record_one(email: Email, outcome: Outcome, last: Attempt) -> None:
    with transaction.atomic():
        known = judged(email, outcome)
        if email.possible_duplicate:
            copies.hold(email)
        moved = _move_mine([(email, known)])
        if not moved:  # the claim was lost
            copies.hold(email)
            outcome = erased.hide(email, outcome, last)
            _settle_late(email, outcome, last)
        if not attempts.store(last) and moved:
            known = _corrected(email, known)
        if last.outcome == Attempt.Outcome.ACCEPTED and (email.possible_duplicate or not moved):
            copies.show_accepted(last, but=(*outcome.rejected, *email.suppressed))
        if not moved:
            _follow(email)
        failpoints.reach("in-finish")
    if moved:
        apply(email, known)
    else:
        email.refresh_from_db()


def record_loss(email: Email, last: Attempt) -> None:
    """Store the last answer of a round whose claim was lost between two providers."""
    with transaction.atomic():
        _lock(email)
        erased.hide(email, outcomes.at_once(""), last)
        if last.outcome in Attempt.CERTAINLY_NOT:
            _settle_late(email, outcomes.wait(last.words, rounds=email.rounds), last)
        attempts.store(last)
        _follow(email)
    email.refresh_from_db()


def prove(attempt: UUID, *, by: str) -> bool:
    """Settle an attempt in doubt as accepted, as the provider tells of its mail; tell whether this call did it.

    The email moves as by a late answer: a resend that waits is called off. While a process still makes the attempt, the
    email stays with it, and its own outcome changes nothing of this. The caller holds the transaction.
    """
    found = (
        Attempt.objects.select_related("email").defer("email__text_body", "email__html_body").get(pk=attempt)
    )
    _lock(found.email)
    denied = Q(outcome=Attempt.Outcome.NOT_SENT) & ~Q(settled_by="")  # by a person, who knew less
    doubted = Attempt.objects.filter(Q(outcome__in=Attempt.IN_DOUBT) | denied, pk=attempt)
    if not doubted.update(outcome=Attempt.Outcome.ACCEPTED, settled_by=by, settled_at=clock.now()):
        return False
    transaction.on_commit(partial(counters.settled, "event"))
    if found.email.possible_duplicate:
        copies.hold(found.email)
    _settle_late(found.email, outcomes.sent_late(found.provider, SETTLED_BY_EVENT), found)
    if found.email.possible_duplicate:
        copies.show_accepted(found)
    _follow(found.email)
    return True


def judged(email: Email, outcome: Outcome) -> Outcome:
    """Return a round's outcome in the light of earlier rounds, one of which may have sent the email.

    The caller holds the transaction, and the email's row is locked here: an answer to an earlier attempt is stored
    either before this decision or after the outcome, never in between.
    """
    if not email.possible_duplicate or outcome.recipients == Recipient.Status.ACCEPTED:
        return outcome
    _lock(email)
    accepted = unknown.accepted_after_all(email)
    if accepted:
        return outcomes.sent_late(accepted.provider, SETTLED_LATE)
    return outcomes.after_unknown(outcome)


def move(email: Email, rows: QuerySet[Email], outcome: Outcome, was: str = "") -> bool:
    """Move the email and its recipients to the outcome, if `rows` still has the email; tell whether it had.

    The caller holds the transaction. `was`: the status that it had, where the email in memory does not say it.
    """
    moved = rows.update(**_changes(outcome), left_out=email.left_out)
    if moved:
        _reject(email, outcome)
        undecided(email).update(status=outcome.recipients)
        notices.moved([(email, outcome)], was or email.status)
    return bool(moved)


def apply(email: Email, outcome: Outcome) -> None:
    """Set the outcome on the email in memory."""
    for name, value in _changes(outcome).items():
        setattr(email, name, value)


def undecided(email: Email) -> QuerySet[Recipient]:
    """Return the recipients without a final status."""
    return Recipient.objects.filter(email=email, status__in=_UNDECIDED)


def _settle_late(email: Email, outcome: Outcome, attempt: Attempt) -> None:
    """Settle the email by an answer that came after its claim had ended, as far as its status still allows."""
    # PostgreSQL's UPDATE skips a row whose status only becomes right by a concurrent transaction.
    was = _lock(email)
    late = replace(outcome, reason=outcome.reason or SETTLED_LATE)
    if outcome.recipients == Recipient.Status.ACCEPTED:
        not_under_way = Email.objects.filter(pk=email.pk, status__in=_NOT_UNDER_WAY)
        if not move(email, not_under_way, late, was) and not unknown.is_certain(email, but=attempt):
            Email.objects.filter(pk=email.pk).update(possible_duplicate=True)
    elif unknown.is_certain(email, but=attempt):
        if outcome.status in {Email.Status.FAILED, Email.Status.QUEUED}:
            move(email, email.left_unknown(), late, was)
    elif outcome.status == Email.Status.FAILED:
        move(email, email.left_unknown(), outcomes.after_unknown(late), was)


def _follow(email: Email) -> None:
    """Tell the mailing that the email is of: it follows what it waits for, and not what comes late."""
    if email.mailing_id:
        results.follow([email.pk])


def _corrected(email: Email, outcome: Outcome) -> Outcome:
    """Return what the email has come to after all, if its last attempt was settled while the answer was waited for.

    An event may come before the answer, and wins over a timeout. The caller's UPDATE has the row locked.
    """
    accepted = unknown.accepted_after_all(email)
    if outcome.recipients == Recipient.Status.ACCEPTED or not accepted:
        return outcome
    sent = outcomes.sent_late(accepted.provider, SETTLED_BY_EVENT)
    Recipient.objects.filter(email=email, status=outcome.recipients).update(status=sent.recipients)
    move(email, Email.objects.filter(pk=email.pk), sent, outcome.status)
    return sent


def _lock(email: Email) -> str:
    """Lock the email's row until the transaction ends; return the status that it has."""
    return Email.objects.select_for_update().values_list("status", flat=True).get(pk=email.pk)


def _bodies(emails: Sequence[Email]) -> stored.Sizes:
    """Return what their bodies have, where somebody may count it."""
    counted = [email.pk for email in emails if email.team_id or email.key_id]
    return stored.bodies(Email.objects.filter(pk__in=counted)) if counted else []


def _move_mine(parts: Sequence[tuple[Email, Outcome]], update: compiled.Update | None = None) -> bool:
    """Move emails claimed by this process to their outcomes; tell whether it still held all claims."""
    rows = [
        {"pk": email.pk, "epoch": email.epoch, "left_out": email.left_out, **_changes(outcome)}
        for email, outcome in parts
    ]
    if (update or _MOVED).run_all(rows) < len(parts):
        return False
    for email, outcome in parts:
        _reject(email, outcome)
    _DECIDED.run_together([{"email": email.pk, "status": outcome.recipients} for email, outcome in parts])
    notices.moved(parts)
    return True


def _reject(email: Email, outcome: Outcome) -> None:
    for address, reason in outcome.rejected.items():
        rejected = undecided(email).filter(canonical=addresses.canonical(address))
        rejected.update(status=Recipient.Status.REJECTED, reason=reason)


def _changes(outcome: Outcome) -> dict[str, Any]:
    return {
        "status": outcome.status,
        "provider": outcome.provider,
        "reason": storable(outcome.reason),
        "due_at": outcome.due_at,
        "lease_until": None,
        "finished_at": outcome.at if outcome.is_final else None,
    }


def _moving() -> compiled.Change:
    mine = Email.objects.filter(pk=Parameter("pk"), epoch=Parameter("epoch"), status=Email.Status.SENDING)
    return mine, {name: Parameter(name) for name in ("left_out", *_CHANGED)}


def _moving_bare() -> compiled.Change:
    mine, changes = _moving()
    return mine, {**changes, "text_body": "", "html_body": "", "body_pruned_at": Parameter("finished_at")}


def _deciding() -> compiled.Change:
    undecided = Recipient.objects.filter(email=Parameter("email"), status__in=_UNDECIDED)
    return undecided, {"status": Parameter("status")}


_MOVED, _MOVED_BARE = compiled.Update(_moving), compiled.Update(_moving_bare)
_DECIDED = compiled.Update(_deciding)
