"""Suppressions: addresses that must not be written to, and how it came to that."""

from datetime import datetime

from django.db import models
from django.db.models import Q

from delivery.db import clock, ids
from delivery.models.access import OWNER_COLUMN, Team

ALL, MARKETING, LIST = "all", "marketing", "list:"  # scopes; the last is followed by the list's name
TEST = "test"  # what the link of a test of a mailing ends: nothing


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    """Questions about suppressions."""

    def seen_by(self, team: Team | None) -> "SuppressionQuerySet":
        """Keep those that hold for this team's emails: its own, and those for all."""
        return self.filter(Q(team=team) | Q(team=None))

    def in_force(self, now: datetime | None = None) -> "SuppressionQuerySet":
        """Leave out those that have expired."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=now or clock.now()))


class Suppression(models.Model):
    """One address that gets no mail of one scope from one team, by its first cause; repeats are counted."""

    class Kind(models.TextChoices):
        HARD_BOUNCE = "hard_bounce", "bounced"
        COMPLAINT = "complaint", "complained"
        UNSUBSCRIBE = "unsubscribe", "unsubscribed"
        MANUAL = "manual", "entered by a person"
        INVALID = "invalid", "no valid address"
        VENDOR = "vendor", "on a provider's list"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    team = models.ForeignKey(
        Team,
        db_column=OWNER_COLUMN,
        null=True,
        on_delete=models.PROTECT,
        related_name="suppressions",
        db_index=False,
    )  # None: for the emails of all teams
    address = models.CharField(max_length=254)  # canonical
    kind = models.CharField(max_length=11, choices=Kind.choices)
    scope = models.CharField(max_length=105, default=ALL, db_default=ALL)  # all, marketing, list:<name>
    source = models.CharField(max_length=50, blank=True)  # a provider's name, or api, admin, csv, link
    event_id = models.UUIDField(null=True)  # the event that told of it
    reason = models.TextField(blank=True)
    by = models.CharField(max_length=150, blank=True)  # a person or a key; empty: GoMail itself
    count = models.PositiveIntegerField(default=1, db_default=1)  # how often it was reported
    first_seen = models.DateTimeField(default=clock.now)
    last_seen = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(null=True, blank=True)  # None: never

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = [
            # read by suppressions/screening for each email that is offered
            models.UniqueConstraint(
                fields=["address", "team", "kind", "scope"], name="suppression_of_an_owner"
            ),
            # NULL differs from NULL in the one above
            models.UniqueConstraint(
                fields=["address", "kind", "scope"], name="suppression_for_all", condition=Q(team=None)
            ),
        ]
        indexes = [
            # read by the filters of the list
            models.Index(fields=["team", "id"], name="suppression_by_owner"),
            models.Index(fields=["kind", "id"], name="suppression_by_kind"),
            models.Index(fields=["scope", "id"], name="suppression_by_scope"),
            models.Index(fields=["source", "id"], name="suppression_by_source"),
        ]

    def __str__(self) -> str:
        return f"{self.address}: {self.kind}"


class SoftBounce(models.Model):
    """A day on which an address bounced softly and finally; several such days make a suppression."""

    team = models.ForeignKey(
        Team, db_column=OWNER_COLUMN, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    address = models.CharField(max_length=254)  # canonical
    day = models.DateField(db_index=True)  # UTC

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["address", "team", "day"], name="soft_bounce_of_an_owner"),
            models.UniqueConstraint(
                fields=["address", "day"], name="soft_bounce_of_nobody", condition=Q(team=None)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.address} on {self.day}"


class VendorList(models.Model):
    """How far the suppression lists of one account have been read, and who is at it."""

    account = models.CharField(primary_key=True, max_length=50)  # its name in GOMAIL_PROVIDERS
    read_at = models.DateTimeField(null=True)  # when the last whole reading began
    pushed_at = models.DateTimeField(null=True)  # when the last whole pushing began
    lease_until = models.DateTimeField(null=True)  # until then the holder alone may read and push
    holder = models.UUIDField(null=True)  # that run of the command

    def __str__(self) -> str:
        return self.account


class UnsubscribeLink(models.Model):
    """What the unsubscribe link of a deleted email is for: mail is read, and its link used, years later."""

    id = models.UUIDField(primary_key=True, editable=False)  # of the email
    team = models.ForeignKey(
        Team, db_column=OWNER_COLUMN, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    address = models.CharField(max_length=254, db_index=True)  # canonical
    scope = models.CharField(max_length=105)

    def __str__(self) -> str:
        return f"{self.address}: {self.scope}"
