"""What events mean for attempts in doubt, and for recipients."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from django.db.models import Q

from delivery.audience import results
from delivery.db import compiled
from delivery.db.compiled import Parameter
from delivery.events import standings
from delivery.events.matching import Attempts, Told
from delivery.events.standings import Stage, Standing
from delivery.models import Attempt, ProviderEvent, Recipient
from delivery.sending import attempts, transitions
from providers.events import Kind

# What a vendor may say of an attempt that it has refused: there, the mail was never on its way.
_FINAL = frozenset({"delivered", "bounced", "suppressed", "rejected", "complained"})


def prove(told: Iterable[Told]) -> list[Told]:
    """Settle attempts in doubt that the vendor tells of, in the caller's transaction; return what settled one."""
    proofs: dict[UUID, Told] = {}
    for each in told:
        if _proves(each) and each.attempt and each.attempt.outcome != Attempt.Outcome.ACCEPTED:
            proofs.setdefault(each.attempt.pk, each)
    settled = []
    for each in sorted(proofs.values(), key=lambda proof: (_attempt(proof).email_id, _attempt(proof).pk)):
        if transitions.prove(_attempt(each).pk, by=attempts.EVENT + each.row.kind):
            _attempt(each).outcome = Attempt.Outcome.ACCEPTED
            settled.append(each)
    return settled


def _proves(told: Told) -> bool:
    """Tell whether the vendor must have had the mail: not by what a machine did, or by news of the account."""
    return not told.row.bot and told.event.kind is not Kind.ACCOUNT


def move(told: Sequence[Told], known_attempts: Attempts) -> None:
    """Set the recipients' statuses by all that is known of them; their rows are locked."""
    rows = {
        recipient.pk: (recipient, each)
        for each in told
        for recipient in each.recipients
        if each.row.kind in standings.STAGES
    }
    if not rows:
        return
    known, accepted = _Ledger(each for _, each in rows.values()), known_attempts.accepted()
    changes: dict[Standing, list[int]] = defaultdict(list)
    for recipient, each in rows.values():
        found = _standing(recipient, known.stages(recipient, each), accepted.get(recipient.email_id, ()))
        if found and (found.status, found.reason) != (recipient.status, recipient.reason):
            changes[found].append(recipient.pk)
    _store(changes)
    if of_mailings := {_attempt(each).email_id for _, each in rows.values() if _is_of_mailing(each)}:
        results.follow(sorted(of_mailings))


def _is_of_mailing(told: Told) -> bool:
    return told.attempt is not None and told.attempt.email.mailing_id is not None


def _standing(recipient: Recipient, stages: Sequence[Stage], accepted: Sequence[UUID]) -> Standing | None:
    refused = recipient.status == Recipient.Status.REJECTED
    return standings.standing(stages, accepted=() if refused else accepted)


def _store(changes: Mapping[Standing, Sequence[int]]) -> None:
    """Store each standing of many recipients by one statement, and those of a single one together."""
    alone = []
    for found, pks in changes.items():
        values = {"status": found.status, "reason": found.reason}
        if len(pks) == 1:
            alone.append({"pk": pks[0], **values})
        else:
            Recipient.objects.filter(pk__in=pks).update(**values)
    if alone:
        _STOOD.run_all(alone)


class _Ledger:
    """All that vendors have told of some recipients, in one query."""

    def __init__(self, told: Iterable[Told]) -> None:
        self._by_address: dict[tuple[UUID, str], list[Stage]] = defaultdict(list)
        self._by_email: dict[UUID, list[Stage]] = defaultdict(list)
        those = list(told)
        refused = _refused(those)
        for email, address, stage in _stages(those):
            if stage.attempt not in refused or stage.status in _FINAL:
                self._by_address[email, address].append(stage)
                self._by_email[email].append(stage)

    def stages(self, recipient: Recipient, told: Told) -> Sequence[Stage]:
        """Return those of one recipient; of an email's only one, whatever address they name."""
        if told.by_address:
            return self._by_address[recipient.email_id, recipient.canonical]
        return self._by_email[recipient.email_id]


def _stages(told: Sequence[Told]) -> Iterable[tuple[UUID, str, Stage]]:
    named = Q(
        email__in={each.row.email_id for each in told if each.by_address},
        recipient__in={each.row.recipient for each in told if each.by_address},
    )
    whole = Q(email__in={each.row.email_id for each in told if not each.by_address})
    rows = ProviderEvent.objects.filter(named | whole, certain=True, kind__in=list(standings.STAGES))
    columns = ("email_id", "attempt", "recipient", "kind", "at", "reason")
    for email, attempt, address, status, at, reason in rows.order_by().values_list(*columns):
        yield email, address, Stage(attempt=attempt, status=status, at=at, reason=reason)


def _refused(told: Iterable[Told]) -> set[UUID]:
    return {
        each.attempt.pk for each in told if each.attempt and each.attempt.outcome in Attempt.CERTAINLY_NOT
    }


def _attempt(told: Told) -> Attempt:
    assert told.attempt  # noqa: S101 - the callers have chosen those
    return told.attempt


def _storing() -> compiled.Change:
    return Recipient.objects.filter(pk=Parameter("pk")), {
        "status": Parameter("status"),
        "reason": Parameter("reason"),
    }


_STOOD = compiled.Update(_storing)
