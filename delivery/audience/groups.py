"""Groups, and who is in them. Nothing but a resubscription that somebody asks for brings back who has unsubscribed."""

from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from delivery.access import audit
from delivery.audience import contacts
from delivery.db import clock
from delivery.models import Contact, Group, Import, Mailing, Membership, Team

FIELDS: Final = ("name", "from_address", "reply_to", "signature_id", "unsubscribe")
CONFIRMED: Final = (
    "from_address",
    "reply_to",
    "signature_id",
    "unsubscribe",
)  # by whoever started a mailing to it
Status = Membership.Status


class Known(Exception):
    """The team has a group of this name already."""


class InUse(Exception):
    """An import into this group, or a mailing to it, is under way."""


class Unsubscribed(Exception):
    """The contact has unsubscribed from this group; only a resubscription brings it back."""


def of(team: Team | None) -> QuerySet[Group]:
    """Return a team's groups."""
    return Group.objects.filter(team=team)


def create(team: Team | None, **fields: Any) -> Group:
    """Make a group in the caller's transaction; raise Known if its name is taken."""
    made = Group(team=team, **fields)
    _save(made)
    audit.record("group.created", "group", made.pk, team=team, after=audit.values(made, FIELDS))
    return made


def change(group: Group, **fields: Any) -> None:
    """Change a group in the caller's transaction; raise InUse for what a mailing to it was confirmed with."""
    _lock(group)
    before = audit.values(group, FIELDS)
    for name, value in fields.items():
        setattr(group, name, value)
    was_confirmed = {name: before[name] for name in CONFIRMED}
    if is_mailed(group) and was_confirmed != audit.values(group, CONFIRMED):
        raise InUse
    _save(group)
    was, now = audit.difference(before, audit.values(group, FIELDS))
    audit.record("group.changed", "group", group.pk, team=group.team_id, before=was, after=now)


def delete(group: Group) -> None:
    """Delete a group and its memberships, not its contacts; raise InUse while something comes into it or goes to it.

    In the caller's transaction. Raises Group.DoesNotExist where somebody else has done so.
    """
    Group.objects.select_for_update().only("pk").get(pk=group.pk)  # nobody joins it meanwhile
    comes = Import.objects.filter(group=group).exclude(status__in=Import.OVER)
    if comes.exists() or is_mailed(group):
        raise InUse
    pk, before = group.pk, audit.values(group, FIELDS)
    group.delete()
    audit.record("group.deleted", "group", pk, team=group.team_id, before=before)


def is_mailed(group: Group) -> bool:
    """Tell whether a mailing to it was started and is not over."""
    return Mailing.objects.filter(group=group, state__in=Mailing.UNCHANGED).exists()


def members(group: Group) -> QuerySet[Membership]:
    """Return the memberships of a group, with their contacts."""
    return Membership.objects.filter(group=group).select_related("contact")


def join(group: Group, contact: Contact, *, by: str, resubscribe: bool = False) -> tuple[Membership, bool]:
    """Put a contact into a group in the caller's transaction; return the membership, and whether that changed anything.

    Raises Unsubscribed for somebody who has left, unless it is a resubscription, and Contact.DoesNotExist.
    """
    contacts.hold(contact)
    member, is_new = Membership.objects.get_or_create(
        group=group, contact=contact, defaults={"by": by, "since": clock.now()}
    )
    if is_new:
        _record("group.joined", member)
        return member, True
    return member, set_status(member, Status.SUBSCRIBED, by=by, resubscribe=resubscribe)


def set_status(member: Membership, status: str, *, by: str, resubscribe: bool = False) -> bool:
    """Change a membership in the caller's transaction, and tell whether it had another status."""
    held = Membership.objects.select_for_update(of=("self",))
    member = held.select_related("group").get(pk=member.pk)
    if member.status == status:
        return False
    comes_back = member.status == Status.UNSUBSCRIBED
    if comes_back and not (resubscribe and status == Status.SUBSCRIBED):
        raise Unsubscribed
    before = {"status": member.status}
    Membership.objects.filter(pk=member.pk).update(status=status, since=clock.now(), by=by)
    action = (
        "contact.resubscribed" if comes_back else f"group.{'joined' if status == 'subscribed' else 'left'}"
    )
    _record(action, member, before=before, after={"status": status})
    return True


def remove(member: Membership, *, by: str) -> None:
    """Take a contact out of a group in the caller's transaction; who has unsubscribed stays so."""
    if member.status != Status.UNSUBSCRIBED:
        set_status(member, Status.REMOVED, by=by)


def _record(action: str, member: Membership, **values: Any) -> None:
    after = {"group": str(member.group_id), **values.pop("after", {})}
    audit.record(action, "contact", member.contact_id, team=member.group.team_id, after=after, **values)


def _lock(group: Group) -> None:
    """Lock the row and read it anew: no mailing to it is started meanwhile."""
    group.refresh_from_db(from_queryset=Group.objects.select_for_update(no_key=True))


def _save(group: Group) -> None:
    try:
        with transaction.atomic():
            group.save()
    except IntegrityError as error:
        raise Known from error
