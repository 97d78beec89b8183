"""What stops a mailing by itself: too many bounces or complaints, and providers that want nothing of it.

A provider that has refused three of its emails and taken none is unusable, not the people: it is avoided for the rest
of the mailing, and those three wait again. After a resumption it is asked anew: if it has still taken none, two
refusals are enough (one may be that person's alone), and who was under way to it at that moment waits again, whatever
it has taken since.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from delivery.access import reputation
from delivery.access.reputation import Reputation
from delivery.mailings import claims, refusals, states
from delivery.models import Mailing, MailingRecipient
from delivery.queue import watermark
from delivery.routing import avoided, configured

REFUSALS: Final = 3
_AFTERWARDS: Final = 2  # of one that had refused so many before a resumption
_LATELY: Final = 500  # emails that failed last; more are not under way at once
_RESTORED: Final = (
    "An older state of the database has come back: some whom it takes for waiting may have got it. "
    f"Run `manage.py {watermark.WORD}` and read what it lists; then resume or cancel."
)
State = MailingRecipient.State
_TAKEN: Final = (State.SENT, State.DELIVERED, State.BOUNCED, State.COMPLAINED)


def judge(mailing: Mailing, *, marketing: bool) -> None:
    """Pause a claimed mailing that does harm, or that its team's brake has stopped; then raise claims.Lost.

    So is one of an older state of the database: it does not know who has got it since.
    """
    if watermark.held_before() is not None:
        _stop(mailing, _RESTORED)
    if marketing and mailing.team and mailing.team.marketing_paused_at:
        _stop(mailing, "The brake has stopped the marketing mail of its team. Resume that first.")
    found = _reputation(mailing)
    if found.is_ruinous:
        _stop(mailing, _said(found))


def learn(mailing: Mailing, failed: Sequence[UUID]) -> None:
    """Look at emails that have just failed: avoid who refuses everything, and let their recipients wait again."""
    _wait_again_of_before(mailing, failed)
    refusing = _refusing(mailing, failed)
    if not refusing:
        return
    with transaction.atomic():
        claims.hold(mailing)
        if new := {name: why for name, why in refusing.items() if name not in mailing.avoided}:
            claims.advance(mailing, avoided={**mailing.avoided, **new})
        refusals.wait_again(mailing, refusing)
    avoided.forget()
    if set(configured.names()) <= set(mailing.avoided):
        why = "; ".join(f"{name}: {reason}" for name, reason in mailing.avoided.items())
        _stop(mailing, f"Every provider has refused the first of its emails. {why}")


def lately_failed(mailing: Mailing, since: datetime | None = None) -> list[UUID]:
    """Return the emails of the last recipients for whom it has failed: nobody may have looked at them yet.

    A process may have ended between their outcome and this look, during a pause nobody looks, and an answer that comes
    late settles its email wherever it comes to.
    """
    failed = MailingRecipient.objects.filter(mailing=mailing, state=State.FAILED).exclude(email=None)
    if since:
        failed = failed.filter(at__gte=since)
    return list(failed.order_by("-at").values_list("email", flat=True)[:_LATELY])


def _wait_again_of_before(mailing: Mailing, failed: Sequence[UUID]) -> None:
    """Let those wait again whom a provider has refused that was asked before the resumption, and avoided then."""
    before = mailing.avoided_before or {}
    asked = refusals.refusals().filter(email__in=failed, provider__in=list(before))
    if before and mailing.resumed_at and asked.filter(started_at__lt=mailing.resumed_at).exists():
        with transaction.atomic():
            claims.hold(mailing)
            refusals.wait_again(mailing, before, begun_before=mailing.resumed_at)


def _reputation(mailing: Mailing) -> Reputation:
    """Count what came back since it was resumed last, and only if that matters what was sent."""
    bounced, complained = (_since(mailing, [state]).count() for state in (State.BOUNCED, State.COMPLAINED))
    found = Reputation(recipients=reputation.ENOUGH, bounced=bounced, complained=complained)
    if not found.is_ruinous:
        return found
    recipients = _since(mailing, _TAKEN).values("pk")[: reputation.enough(found)].count()
    return Reputation(recipients=recipients, bounced=bounced, complained=complained)


def _since(mailing: Mailing, those: Collection[str]) -> QuerySet[MailingRecipient]:
    rows = MailingRecipient.objects.order_by().filter(mailing=mailing, state__in=those)
    return rows.filter(at__gte=mailing.resumed_at) if mailing.resumed_at else rows


def _refusing(mailing: Mailing, failed: Sequence[UUID]) -> dict[str, str]:
    """Return the providers that refused these emails and take nothing of the mailing, and what they said."""
    still = MailingRecipient.objects.order_by().filter(mailing=mailing, state=State.FAILED)
    refused = refusals.refusals().filter(email__in=still.filter(email__in=failed).values("email"))
    said = dict(refused.values_list("provider", "detail"))
    return {
        name: _why(detail, _enough(mailing, name))
        for name, detail in said.items()
        if name in mailing.avoided or (_has_refused_enough(mailing, name) and not _takes(mailing, name))
    }


def _enough(mailing: Mailing, name: str) -> int:
    return _AFTERWARDS if name in (mailing.avoided_before or {}) else REFUSALS


def _has_refused_enough(mailing: Mailing, name: str) -> bool:
    failed = MailingRecipient.objects.order_by().filter(mailing=mailing, state=State.FAILED)
    refused = refusals.refusals().filter(provider=name, email__in=failed.exclude(email=None).values("email"))
    if name in (mailing.avoided_before or {}) and mailing.resumed_at:
        refused = refused.filter(started_at__gte=mailing.resumed_at)
    enough = _enough(mailing, name)
    return refused.values("pk")[:enough].count() == enough


def _takes(mailing: Mailing, name: str) -> bool:
    taken = MailingRecipient.objects.order_by().filter(mailing=mailing, state__in=_TAKEN, provider=name)
    return taken.exists()


def _why(detail: str, number: int) -> str:
    return f"It has refused {number} emails of the mailing and taken none: {detail}"[:500]


def _said(found: Reputation) -> str:
    rates = f"{found.bounce_rate:.1%} bounced and {found.complaint_rate:.2%} complained"
    return f"Too much of it comes back: of {found.recipients:,} recipients {rates}."


def _stop(mailing: Mailing, why: str) -> None:
    with transaction.atomic():
        claims.hold(mailing)
        states.set_aside(mailing, why)
    raise claims.Lost
