"""Suppressed recipients are left out whenever an email is offered; what is left of it is sent.

Who has been left out stays so in the rounds that follow, also when the entry is lifted: `resend` asks for all again.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from django.db import transaction

from delivery.audience import belonging
from delivery.bundles import Bundle
from delivery.content import tombstones
from delivery.models import Email, Recipient, Suppression
from delivery.suppressions import screening
from delivery.suppressions.screening import Mail
from delivery.webhooks import outbox
from delivery.webhooks.outbox import Notice

CODE: Final = "all_suppressed"  # the first word of the reason of an email that ended so
_MOST_NAMED = 5  # recipients in a reason
_BEFORE = "; an attempt before may have reached it"
ERASED: Final = "The recipient was erased."
FRESH: Final = 0.5  # seconds for which an answer counts
Reasons = Mapping[str, str]  # why somebody is kept out, by canonical address
_OPEN = (Recipient.Status.PENDING, Recipient.Status.UNKNOWN)


class Found(NamedTuple):
    """Who of an email is kept out, as it was asked at a moment."""

    reasons: Reasons
    at: float  # of time.monotonic()

    @property
    def is_fresh(self) -> bool:
        """Tell whether it may be relied on."""
        return time.monotonic() - self.at <= FRESH


class AllSuppressed(Exception):
    """Every recipient that is left is suppressed."""

    def __init__(self, recipients: Sequence[Recipient]) -> None:
        """Say who is kept out, and why."""
        named = "; ".join(f"{row.address}: {row.reason}" for row in recipients[:_MOST_NAMED])
        more = f"; and {len(recipients) - _MOST_NAMED} more" if len(recipients) > _MOST_NAMED else ""
        super().__init__(f"{CODE}: {named}{more}")
        self.recipients = recipients


def mark(bundle: Bundle, found: Found | None = None) -> list[Recipient]:
    """Mark in memory the recipients that are suppressed; return them. Raises AllSuppressed if nobody is left.

    `found`: what was found about them a moment ago, by find or find_all.
    """
    reasons = (find(bundle) if found is None else found).reasons
    out = _explained(_kept_out(_left(bundle), reasons), reasons)
    for row in out:
        row.status = Recipient.Status.SUPPRESSED
        row.reason += _BEFORE if bundle.email.possible_duplicate else ""
    bundle.email.suppressed = tuple(row.address for row in out)
    return out


def find(bundle: Bundle) -> Found:
    """Return who of the recipients that are left is kept out, and why."""
    at, left = time.monotonic(), _left(bundle)
    return Found(_reasons(bundle.email, left), at)


def holds(bundle: Bundle, found: Found) -> bool:
    """Tell whether nobody more is kept out than was found and marked; an answer that has grown old is asked anew."""
    return found.is_fresh or not _kept_out_now(bundle)


def find_all(bundles: Sequence[Bundle]) -> list[Found]:
    """Return for each stored email who of its recipients is kept out, and why; everything is asked at once."""
    at = time.monotonic()
    several = [(bundle.email, _left(bundle)) for bundle in bundles]
    gone = belonging.hindrances_of([email.pk for email, _ in several if email.mailing_id])
    return [
        Found(_explanations(out, gone.get(email.pk, ""), left), at)
        for out, (email, left) in zip(_screened(several), several, strict=True)
    ]


def leave_out(bundle: Bundle, found: Found | None = None) -> None:
    """Mark them in a stored email, in memory and in the database. Raises AllSuppressed, and stores nothing then."""
    if out := mark(bundle, found):
        with transaction.atomic():
            record(bundle.email, out)


def refusals(several: Sequence[Bundle]) -> list[AllSuppressed | None]:
    """Return for each new email of one team why nobody may get it, None if somebody may; nothing is marked."""
    parts = [(_mail(bundle.email), [row.canonical for row in bundle.recipients]) for bundle in several]
    found = screening.kept_out_each(several[0].email.team_id, parts) if several else []
    reasons = [{address: reason(entry) for address, entry in out.items()} for out in found]
    return [_refusal(bundle, out) for bundle, out in zip(several, reasons, strict=True)]


def reason(entry: Suppression) -> str:
    """Return for a person why an entry keeps somebody out."""
    said = f": {entry.reason}" if entry.reason else ""
    return f"{entry.kind}, by {entry.source or 'GoMail'} on {entry.first_seen:%Y-%m-%d}{said}"


def record(email: Email, recipients: Sequence[Recipient]) -> None:
    """Write down who was left out, and tell of it; the caller holds the transaction."""
    for row in recipients:
        Recipient.objects.filter(pk=row.pk).update(status=Recipient.Status.SUPPRESSED, reason=row.reason)
    tell(email, recipients)


def tell(email: Email, recipients: Iterable[Recipient]) -> None:
    """Tell webhooks who was left out, in the caller's transaction."""
    outbox.enqueue([_notice(email, row) for row in recipients])


def _kept_out_now(bundle: Bundle) -> bool:
    reasons = find(bundle).reasons
    return any(row.canonical in reasons for row in _left(bundle))


def _reasons(email: Email, left: Sequence[Recipient]) -> Reasons:
    """Return who is kept out, and why; an erased recipient has no address any more."""
    out = screening.kept_out(_mail(email), [row.canonical for row in left])
    gone = belonging.hindrances_of([email.pk]) if email.mailing_id else {}
    return _explanations(out, gone.get(email.pk, ""), left)


def _screened(several: Sequence[tuple[Email, Sequence[Recipient]]]) -> list[Mapping[str, Suppression]]:
    """Return what is found of each: the emails of one team are asked for together."""
    found: dict[int, Mapping[str, Suppression]] = {}
    for team in dict.fromkeys(email.team_id for email, _ in several):
        places = [place for place, (email, _) in enumerate(several) if email.team_id == team]
        parts = [(_mail(several[place][0]), [row.canonical for row in several[place][1]]) for place in places]
        found.update(zip(places, screening.kept_out_each(team, parts), strict=True))
    return [found[place] for place in range(len(several))]


def _explanations(out: Mapping[str, Suppression], gone: str, left: Sequence[Recipient]) -> Reasons:
    found = {address: reason(entry) for address, entry in out.items()}
    if gone:
        found.update({row.canonical: found.get(row.canonical, gone) for row in left})
    return found | {row.canonical: ERASED for row in left if tombstones.is_one(row.canonical)}


def _refusal(bundle: Bundle, found: Reasons) -> AllSuppressed | None:
    try:
        _kept_out(bundle.recipients, found)
    except AllSuppressed as refusal:
        return refusal
    return None


def _kept_out(left: Sequence[Recipient], found: Reasons) -> list[Recipient]:
    """Return the recipients that were found; raise AllSuppressed if those are all."""
    out = [row for row in left if row.canonical in found]
    if out and len(out) == len(left):
        raise AllSuppressed(_explained(out, found))
    return out


def _explained(rows: list[Recipient], found: Reasons) -> list[Recipient]:
    for row in rows:
        row.reason = found[row.canonical]
    return rows


def _left(bundle: Bundle) -> list[Recipient]:
    return [row for row in bundle.recipients if row.status in _OPEN]


def _mail(email: Email) -> Mail:
    return Mail(team_id=email.team_id, purpose=email.purpose, unsubscribe=email.unsubscribe)


def _notice(email: Email, row: Recipient) -> Notice:
    data = {"email_id": email.pk, "recipient": row.address, "reason": row.reason}
    return Notice(kind="email.suppressed", team_id=email.team_id, data=data)
