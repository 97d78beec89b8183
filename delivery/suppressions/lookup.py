"""Which entries a team sees and may end: its own, and those for all where it is the only team.

With several teams, entries for all are the operator's, and hold addresses that other teams write to: a team learns
of one by asking for its very address, as it would by writing to it.
"""

from uuid import UUID

from delivery.content import addresses, tombstones
from delivery.models import Suppression, Team
from delivery.models.suppression import SuppressionQuerySet


def managed_by(team: Team | None) -> SuppressionQuerySet:
    """Return the entries in force that this team may list and end; None: who sends without a key."""
    entries = Suppression.objects.in_force()
    if team is not None and _is_alone(team):
        return entries.seen_by(team)
    return entries.filter(team=team)


def shown_to(team: Team | None, named: str) -> SuppressionQuerySet:
    """Return the entries in force that an id or an address names and this team may look at, first cause first."""
    if pk := _id(named):
        return managed_by(team).filter(pk=pk)
    if "\x00" in named:  # which PostgreSQL cannot even look for
        return Suppression.objects.none()
    entries = Suppression.objects.in_force().seen_by(team)
    return entries.filter(address__in=known_as(named)).order_by("first_seen", "id")


def known_as(address: str) -> list[str]:
    """Return an address as entries have it: itself, and what stands in its place if its person was erased."""
    canonical = addresses.canonical(address.strip())
    return [canonical, *tombstones.of(canonical)]


def are_several_teams() -> bool:
    """Tell whether there is more than one team, each of whom must leave the others' mail alone."""
    return Team.objects.count() > 1


def _is_alone(team: Team) -> bool:
    return not Team.objects.exclude(pk=team.pk).exists()


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
