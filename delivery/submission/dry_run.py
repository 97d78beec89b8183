"""Dry runs: explain how a draft would be handed over, without sending or storing it."""

from dataclasses import dataclass, replace

from delivery import bundles
from delivery.bundles import Bundle
from delivery.content.drafts import Draft
from delivery.models import Team
from delivery.routing import configured, gate, refusals
from delivery.sending import scanning, suppressed
from delivery.submission import composing


@dataclass(frozen=True, kw_only=True)
class Offer:
    """Whether and when one provider would be offered an email."""

    name: str
    offered: bool
    position: int | None = None  # from 1, among the providers that would be asked; None: not asked
    reason: str = ""  # why it would not be asked, or the condition
    fitted: tuple[str, ...] = ()  # what would be changed or left out for this provider


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A draft as it would be handed over, and the providers in order."""

    bundle: Bundle  # not saved
    offers: tuple[Offer, ...]  # one for each configured provider, in order of preference
    not_scanned: str = ""  # why it would wait for the virus scanner first

    @property
    def is_offered(self) -> bool:
        """Tell whether any provider would be asked now; else the email would wait in the queue."""
        return not self.not_scanned and any(offer.offered for offer in self.offers)


def explain(draft: Draft, *, team: Team | None) -> Explanation:
    """Return the providers that would be offered a draft now, and why the others would not.

    Raises NobodyCanCarry, AllSuppressed, FileRefused, links.NotSetUp or templates.Unwritable.
    """
    bundle = bundles.claimed(composing.composed(draft, team), team)
    suppressed.mark(bundle)
    message = bundle.message()
    _, unfit = configured.eligible(message)
    not_scanned = scanning.check(bundle, scanning.deadline())
    fitted = configured.fitted(message)
    offers: list[Offer] = []
    for name in configured.names():
        sender = refusals.own_sender(team, name, draft.sender.address.lower())
        offer = _offer(name, sender, unfit.get(name, ""), sum(offer.offered for offer in offers) + 1)
        offers.append(replace(offer, fitted=() if name in unfit else fitted[name]))
    return Explanation(bundle=bundle, offers=tuple(offers), not_scanned=not_scanned)


def _offer(name: str, sender: str, unfit: str, position: int) -> Offer:
    if unfit:
        return Offer(name=name, offered=False, reason=unfit)
    seen = gate.outlook(name, sender)
    return Offer(
        name=name,
        offered=seen.lets_through,
        position=position if seen.lets_through else None,
        reason=seen.reason,
    )
