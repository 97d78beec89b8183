"""Who unsubscribes from a list that is a group's leaves the group, too; and so does who complains about its mail."""

from collections.abc import Sequence
from uuid import UUID

from delivery.db import clock
from delivery.models import Mailing, MailingRecipient, Membership, UnsubscribeLink
from delivery.models.suppression import LIST
from delivery.suppressions import lookup

_Status = Membership.Status


def by_link(link: UnsubscribeLink) -> None:
    """Unsubscribe whom a link was for from the group that it names, if there is one, in the caller's transaction.

    The contact of a mailing's email leaves also where its address has changed since.
    """
    if group := _group(link.scope):
        members = Membership.objects.filter(group=group, group__team=link.team_id)
        members = members.filter(contact__email_key__in=lookup.known_as(link.address))
        _leave(list(members.order_by().values_list("pk", flat=True)), by="link")
        by_emails([link.pk], by="link")


def by_emails(emails: Sequence[UUID], *, by: str) -> None:
    """Unsubscribe the recipients of these emails from the groups that their mailings went to."""
    rows = MailingRecipient.objects.filter(email__in=emails, contact__isnull=False).order_by()
    for mailing, contact in rows.values_list("mailing", "contact"):
        group = Mailing.objects.filter(pk=mailing).values("group")
        members = Membership.objects.filter(group__in=group, contact=contact)
        _leave(list(members.order_by().values_list("pk", flat=True)), by)


def _leave(members: Sequence[int], by: str) -> None:
    there = Membership.objects.filter(pk__in=members).exclude(status=_Status.UNSUBSCRIBED)
    there.update(status=_Status.UNSUBSCRIBED, since=clock.now(), by=by)


def _group(scope: str) -> UUID | None:
    try:
        return UUID(scope.removeprefix(LIST)) if scope.startswith(LIST) else None
    except ValueError:
        return None  # a list of a client's own
