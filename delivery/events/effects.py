"""What follows from events beside the record: suppressions, and what webhooks tell. In the caller's transaction."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from delivery.events.matching import Told
from delivery.models import Suppression
from delivery.models.suppression import ALL, LIST
from delivery.suppressions import entries, leaving
from delivery.suppressions.entries import Finding
from delivery.webhooks import outbox
from delivery.webhooks.outbox import Notice
from providers.events import Bounce, Kind

_Cause = Suppression.Kind
_CAUSES: Mapping[tuple[Kind, Bounce], Suppression.Kind] = MappingProxyType(
    {
        (Kind.BOUNCED, Bounce.HARD): _Cause.HARD_BOUNCE,
        (Kind.COMPLAINED, Bounce.NONE): _Cause.COMPLAINT,
        (Kind.UNSUBSCRIBED, Bounce.NONE): _Cause.UNSUBSCRIBE,
        (Kind.SUPPRESSED, Bounce.NONE): _Cause.VENDOR,
    }
)
_NOTICES: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.DEFERRED: "email.delivery_delayed",
        Kind.DELIVERED: "email.delivered",
        Kind.BOUNCED: "email.bounced",
        Kind.COMPLAINED: "email.complained",
        Kind.SUPPRESSED: "email.suppressed",
        Kind.REJECTED: "email.failed",
        Kind.OPENED: "email.opened",
        Kind.CLICKED: "email.clicked",
        Kind.UNSUBSCRIBED: "email.unsubscribed",
    }
)


def suppress(told: Sequence[Told]) -> None:
    """Suppress and let go what events say of addresses; of those alone that the email was for, and for certain."""
    sure = [each for each in told if each.by_address and each.event.certain]
    entries.add([finding for each in sure for finding in _findings(each)])
    for each in sure:
        _leave(each)
    # In one order everywhere: another transaction that counts or lifts the same is waited for.
    for each in sorted(sure, key=lambda told: told.row.recipient):
        if each.event.kind is Kind.BOUNCED and each.event.bounce is Bounce.SOFT:
            _note_soft_bounce(each)
        elif each.event.not_spam:
            _lift(each, _Cause.COMPLAINT)
        elif each.event.kind is Kind.RESUBSCRIBED:
            _lift(each, _Cause.UNSUBSCRIBE)


def tell(told: Sequence[Told]) -> None:
    """Tell webhooks; a complaint that a vendor only guesses, or takes back, is none."""
    outbox.enqueue([_notice(each, _NOTICES[each.event.kind]) for each in told if _is_told(each)])


def _findings(told: Told) -> Iterator[Finding]:
    cause = _CAUSES.get((told.event.kind, told.event.bounce))
    if cause is None or told.event.not_spam:
        return
    yield Finding(
        # A vendor's own list keeps the address from all teams.
        team_id=None if cause == _Cause.VENDOR else _team(told),
        address=told.row.recipient,
        kind=cause,
        scope=_list(told) or ALL,
        source=told.row.account,
        event_id=told.row.pk,
        reason=told.row.reason or told.row.name,
        at=told.row.at,
    )


def _leave(told: Told) -> None:
    """Take who complains, or unsubscribes at the vendor, out of the group that the mailing went to."""
    cause = _CAUSES.get((told.event.kind, told.event.bounce))
    left = cause in {_Cause.COMPLAINT, _Cause.UNSUBSCRIBE} and not told.event.not_spam
    if left and told.attempt and told.attempt.email.mailing_id:
        by = "complaint" if cause == _Cause.COMPLAINT else told.row.account
        leaving.by_emails([told.attempt.email_id], by=by)


def _note_soft_bounce(told: Told) -> None:
    entries.note_soft_bounce(
        _team(told),
        told.row.recipient,
        told.row.at,
        source=told.row.account,
        event_id=told.row.pk,
        reason=told.row.reason,
    )


def _lift(told: Told, cause: Suppression.Kind) -> None:
    entries.lift(
        _team(told),
        told.row.recipient,
        [cause],
        by=told.row.account,
        reason=f"{told.row.account}: {told.row.name}",
        scope=_list(told),
    )


def _list(told: Told) -> str:
    """Return the scope of the list that was left or joined; empty: all of them."""
    return f"{LIST}{told.row.list_name}" if told.row.list_name else ""


def _is_told(told: Told) -> bool:
    return told.row.certain and told.event.kind in _NOTICES


def _notice(told: Told, kind: str) -> Notice:
    row = told.row
    data: dict[str, object] = {
        "email_id": row.email_id,
        "attempt_id": row.attempt,
        "recipient": row.recipient,
        "provider": row.account,
        "code": row.code,
        "reason": row.reason,
    }
    if row.bounce:
        data["bounce"] = row.bounce
    if told.event.kind in {Kind.OPENED, Kind.CLICKED}:
        data["bot"] = row.bot
    return Notice(kind=kind, team_id=_team(told), data=data, at=row.at)


def _team(told: Told) -> int | None:
    return told.attempt.email.team_id if told.attempt else None
