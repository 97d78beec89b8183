"""What would become of a draft: sent nowhere, written nowhere."""

from dataclasses import dataclass

from delivery import bundles
from delivery.bundles import Bundle
from delivery.content.drafts import Draft
from delivery.models import Owner
from delivery.routing import configured, gate


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What one provider would have to do with an email."""

    name: str
    offered: bool
    position: int | None = None  # among those that would be asked, the first is 1; None: not asked
    reason: str = ""  # why it would not be asked, or on what condition


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A draft as it would be handed over, and to whom."""

    bundle: Bundle  # of rows that are in no database
    offers: tuple[Offer, ...]  # one for each configured provider, in order of preference

    @property
    def is_offered(self) -> bool:
        """Tell whether a provider would be asked at once; else the email would be kept for later."""
        return any(offer.offered for offer in self.offers)


def explain(draft: Draft, *, owner: Owner | None) -> Explanation:
    """Tell who would be offered a draft now, in which order, and why the others would not. Raises NobodyCanCarry."""
    bundle = bundles.claimed(draft, owner)
    _, unfit = configured.eligible(bundle.message())
    domain = draft.sender.address.rpartition("@")[2].lower()
    offers: list[Offer] = []
    for name in configured.names():
        offers.append(_offer(name, domain, unfit.get(name, ""), sum(offer.offered for offer in offers) + 1))
    return Explanation(bundle=bundle, offers=tuple(offers))


def _offer(name: str, domain: str, unfit: str, position: int) -> Offer:
    if unfit:
        return Offer(name=name, offered=False, reason=unfit)
    seen = gate.outlook(name, domain)
    return Offer(
        name=name,
        offered=seen.lets_through,
        position=position if seen.lets_through else None,
        reason=seen.reason,
    )
