"""Which entries an owner sees and may end: its own, and those for all where it is the only owner.

With several owners, entries for all are the operator's, and hold addresses that other owners write to: an owner learns
of one by asking for its very address, as it would by writing to it.
"""

from uuid import UUID

from delivery.content import addresses
from delivery.models import Owner, Suppression
from delivery.models.suppression import SuppressionQuerySet


def managed_by(owner: Owner | None) -> SuppressionQuerySet:
    """Return the entries in force that this owner may list and end; None: who sends without a key."""
    entries = Suppression.objects.in_force()
    if owner is not None and _is_alone(owner):
        return entries.seen_by(owner)
    return entries.filter(owner=owner)


def shown_to(owner: Owner | None, named: str) -> SuppressionQuerySet:
    """Return the entries in force that an id or an address names and this owner may look at, first cause first."""
    if pk := _id(named):
        return managed_by(owner).filter(pk=pk)
    if "\x00" in named:  # which PostgreSQL cannot even look for
        return Suppression.objects.none()
    entries = Suppression.objects.in_force().seen_by(owner)
    return entries.filter(address=addresses.canonical(named.strip())).order_by("first_seen", "id")


def are_several_owners() -> bool:
    """Tell whether there is more than one owner, each of whom must leave the others' mail alone."""
    return Owner.objects.count() > 1


def _is_alone(owner: Owner) -> bool:
    return not Owner.objects.exclude(pk=owner.pk).exists()


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
