"""Contacts: made, changed and deleted by a person or a client, each in the transaction of what records it."""

from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet

from delivery.access import audit
from delivery.content import addresses
from delivery.db import clock
from delivery.models import Contact, Team

FIELDS: Final = ("email", "first_name", "last_name", "name", "locale", "data")


class Known(Exception):
    """The team has a contact with this address already."""


def of(team: Team | None) -> QuerySet[Contact]:
    """Return a team's contacts; None: those of whoever works without a key."""
    return Contact.objects.filter(team=team)


def named(team: Team | None, email: str) -> QuerySet[Contact]:
    """Return the contact with this address, or none."""
    key = addresses.canonical(email)
    if "\x00" in key:  # which PostgreSQL cannot even look for
        return Contact.objects.none()
    return of(team).filter(email_key=key)


def searched(rows: QuerySet[Contact], text: str) -> QuerySet[Contact]:
    """Keep those whose address begins so."""
    begins = addresses.canonical(text.strip())
    if "\x00" in begins:
        return rows.none()
    return rows.filter(email_key__gte=begins, email_key__lt=f"{begins}\U0010ffff") if begins else rows


def create(team: Team | None, *, email: str, **fields: Any) -> Contact:
    """Make a contact in the caller's transaction; raise Known if the team has it."""
    made = Contact(team=team, email=email, email_key=addresses.canonical(email), **fields)
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError as error:
        raise Known from error
    audit.record("contact.created", "contact", made.pk, team=team, after={"fields": sorted(fields)})
    return made


def change(contact: Contact, **fields: Any) -> None:
    """Change a contact in the caller's transaction; no undo of an import deletes it any more.

    Raises Contact.DoesNotExist where it has been deleted meanwhile.
    """
    hold(contact)
    if "email" in fields:
        fields["email_key"] = addresses.canonical(fields["email"])
    for name, value in fields.items():
        setattr(contact, name, value)
    contact.changed_at, contact.last_import = clock.now(), None
    try:
        with transaction.atomic():
            contact.save(update_fields=[*fields, "changed_at", "last_import"])
    except IntegrityError as error:
        raise Known from error
    audit.record(
        "contact.changed", "contact", contact.pk, team=contact.team_id, after={"fields": sorted(fields)}
    )


def delete(contact: Contact) -> None:
    """Delete a contact and its memberships in the caller's transaction; suppressions of its address stay.

    Raises Contact.DoesNotExist where somebody else has done so.
    """
    hold(contact)
    pk: UUID = contact.pk
    _delete_rows(pk)
    audit.record("contact.deleted", "contact", pk, team=contact.team_id)


def hold(contact: Contact) -> None:
    """Lock the row before what points to it, as imports do; raise Contact.DoesNotExist if it is gone."""
    Contact.objects.select_for_update().only("pk").get(pk=contact.pk)


def _delete_rows(pk: UUID, tries: int = 3) -> None:
    """Delete it with what points to it; once more where a mailing has written it down at this moment."""
    try:
        with transaction.atomic():
            Contact.objects.filter(pk=pk).delete()
            if connection.vendor == "postgresql":  # it would tell with the commit only
                connection.check_constraints()
    except IntegrityError:
        if tries == 1:
            raise
        _delete_rows(pk, tries - 1)
