"""Contacts, the groups that mailings go to, and who is in which."""

from typing import Final

from django.db import models
from django.db.models import Q

from delivery.db import clock, ids
from delivery.models.access import Team
from delivery.models.library import Signature

LONGEST_NAME: Final = 255  # characters of a name of a person
LONGEST_GROUP: Final = 100  # characters of a group's name
MOST_DATA: Final = 16 * 1024  # bytes of a contact's data as JSON


class Contact(models.Model):
    """A person that a team may write to: an address, names, and whatever the team knows of it."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    # None: of those who use GoMail without an API key
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.PROTECT, related_name="contacts", db_index=False
    )
    email = models.CharField(max_length=254)  # as it was given; the domain as A-labels
    email_key = models.CharField(max_length=254, editable=False)  # the same, all lower case
    first_name = models.CharField(max_length=LONGEST_NAME, blank=True, default="", db_default="")
    last_name = models.CharField(max_length=LONGEST_NAME, blank=True, default="", db_default="")
    name = models.CharField(max_length=LONGEST_NAME, blank=True, default="", db_default="")
    locale = models.CharField(max_length=35, blank=True, default="", db_default="")  # BCP 47
    data = models.JSONField(default=dict, blank=True)  # texts by name: columns of files, what a client sent
    created_at = models.DateTimeField(default=clock.now, editable=False)
    changed_at = models.DateTimeField(default=clock.now, editable=False)
    created_by_import = models.UUIDField(null=True, editable=False)
    # The last import whose file had it; None: somebody has changed it since, and no undo deletes it.
    last_import = models.UUIDField(null=True, editable=False)

    class Meta:
        ordering = ("-id",)
        constraints = [
            # read by each lookup of an address, and by the search for its beginning
            models.UniqueConstraint(fields=["team", "email_key"], name="contact_of_a_team"),
            # NULL differs from NULL in the one above
            models.UniqueConstraint(
                fields=["email_key"], name="contact_of_nobody", condition=Q(team__isnull=True)
            ),
        ]
        # read by the list of a team's contacts
        indexes = [models.Index(fields=["team", "id"], name="contact_by_team")]

    def __str__(self) -> str:
        return self.email


class Group(models.Model):
    """Contacts that get the same mail, and who it comes from."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.PROTECT, related_name="groups", db_index=False
    )
    name = models.CharField(max_length=LONGEST_GROUP)
    from_address = models.CharField(
        max_length=600, blank=True, default=""
    )  # a mailbox; empty: the mailing says
    reply_to = models.CharField(max_length=600, blank=True, default="")
    # under its mailings, whatever signature they would have otherwise
    signature = models.ForeignKey(
        Signature, null=True, blank=True, on_delete=models.SET_NULL, related_name="groups"
    )
    unsubscribe = models.BooleanField(default=True)  # its mail carries a link that ends the membership
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["team", "name"], name="group_of_a_team"),
            models.UniqueConstraint(fields=["name"], name="group_of_nobody", condition=Q(team__isnull=True)),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A contact in a group. Who has unsubscribed stays so, whatever is imported, until somebody resubscribes them."""

    class Status(models.TextChoices):
        SUBSCRIBED = "subscribed", "subscribed"
        UNSUBSCRIBED = "unsubscribed", "unsubscribed"
        REMOVED = "removed", "removed"

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="memberships", db_index=False)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="memberships")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.SUBSCRIBED)
    since = models.DateTimeField(default=clock.now)  # it has this status
    by = models.CharField(max_length=60, blank=True)  # api, admin, import:<id>, link, complaint

    class Meta:
        ordering = ("-id",)
        constraints = [models.UniqueConstraint(fields=["group", "contact"], name="membership_once")]
        # read by the list of members, and by the snapshot of a mailing
        indexes = [models.Index(fields=["group", "id"], name="membership_by_group")]

    def __str__(self) -> str:
        return f"{self.contact} in {self.group}: {self.status}"
