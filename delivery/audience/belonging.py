"""Who has left a group meanwhile gets nothing more of a mailing to it; asked when an email is made, and at its turn."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from delivery.audience.results import UNSUBSCRIBED
from delivery.models import Contact, Email, Group, Mailing, MailingRecipient, Membership

NO_CONTACT: Final = f"{UNSUBSCRIBED}d: the contact has been deleted"
NO_MEMBER: Final = f"{UNSUBSCRIBED}d: no member of the group any more"
_Status = Membership.Status


def hindrances(group: Group, contacts: Collection[Contact]) -> Mapping[UUID, str]:
    """Return by contact why it gets nothing any more; who may get it is absent."""
    rows = Membership.objects.filter(group=group, contact__in=contacts).order_by()
    found: Any = rows.values_list("contact", "status", "by", "since")
    known = {contact: _why(status, by, since) for contact, status, by, since in found}
    each = {contact.pk: known.get(contact.pk, NO_MEMBER) for contact in contacts}
    return {contact: why for contact, why in each.items() if why}


def hindrances_of(emails: Sequence[UUID]) -> Mapping[UUID, str]:
    """Return by email of a mailing why its recipient gets nothing any more; who may get it is absent."""
    field: Any = Email._meta.pk
    found = {}
    if emails:
        with connection.cursor() as cursor:
            cursor.execute(
                f"{_STATEMENT} ({', '.join(['%s'] * len(emails))})",
                [field.get_db_prep_value(email, connection) for email in emails],
            )
            found = {field.to_python(pk): _known(*row) for pk, *row in cursor.fetchall()}
    return {email: why for email, why in found.items() if why}


def _known(contact: UUID | None, status: str, by: str, since: datetime | str) -> str:
    if contact is None:
        return NO_CONTACT
    return _why(status, by, since) if status else NO_MEMBER


def _why(status: str, by: str, since: datetime | str) -> str:
    if status == _Status.SUBSCRIBED:
        return ""
    what = "" if status == _Status.UNSUBSCRIBED else ": removed from the group"
    return f"{UNSUBSCRIBED}d{what}, by {by or 'GoMail'} on {str(since)[:10]}"


def _table(model: Any) -> str:
    return str(model._meta.db_table)


_STATEMENT: Final = (
    "SELECT m.email_id, m.contact_id, s.status, s.by, s.since "  # noqa: S608 - our names
    f"FROM {_table(MailingRecipient)} m JOIN {_table(Mailing)} g ON g.id = m.mailing_id "
    f"LEFT JOIN {_table(Membership)} s ON s.group_id = g.group_id AND s.contact_id = m.contact_id "
    "WHERE m.email_id IN"
)
