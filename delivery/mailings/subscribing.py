"""Coming back to a group: the membership, and what keeps its mail away since somebody has left by a link."""

from delivery.audience import groups
from delivery.models import Membership, Suppression
from delivery.models.suppression import LIST
from delivery.suppressions import entries


def resubscribe(member: Membership, *, by: str) -> None:
    """Subscribe somebody again who has unsubscribed and asked for it, in the caller's transaction."""
    groups.set_status(member, Membership.Status.SUBSCRIBED, by=by, resubscribe=True)
    let_mail_through(member, by=by)


def let_mail_through(member: Membership, *, by: str) -> None:
    """End what the group's own unsubscribe link has entered, in the caller's transaction."""
    kinds, scope = [Suppression.Kind.UNSUBSCRIBE], f"{LIST}{member.group_id}"
    team, address = member.group.team_id, member.contact.email
    entries.lift(team, address, kinds, scope=scope, by=by, reason="Subscribed again")
