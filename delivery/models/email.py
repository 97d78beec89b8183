"""Emails with their recipients, attachments and tags; and the queue, which is a query on emails."""

from datetime import UTC, datetime, timedelta
from typing import BinaryIO, Self, cast

from django.db import models
from django.db.models import F, Q, Subquery, Value
from django.db.models.functions import Coalesce, Lower, Now
from django.utils import timezone

from delivery.db import clock, ids
from delivery.db.domains import DomainOf
from delivery.files import storage
from delivery.models import access
from delivery.models.access import OWNER_COLUMN, ApiKey, Team
from delivery.models.lineage import THE_ONE, Lineage
from delivery.models.mailing import Mailing, held
from providers.mime import content_types

LEASE = timedelta(seconds=60)  # an attempt is limited to less than half of it
DEADLINE = timedelta(hours=24)  # an email that no provider accepted by then has expired
A_MILLISECOND = timedelta(milliseconds=1)  # SQLite's clock: what is due at once must not look early
_LONG_AGO = Value(datetime(1970, 1, 1, tzinfo=UTC), output_field=models.DateTimeField())
SUSPECT = 2  # crashes: processes that ended while they had claimed the email; then it is tried alone
NOT_SENT_YET = ("scheduled", "queued")  # no provider has been asked, or none has accepted
FINISHED = ("sent", "partial", "failed", "expired", "cancelled")  # final: nobody changes them

# Statuses of recipients that few have, and that people look for.
IN_TROUBLE = ("deferred", "bounced", "complained", "suppressed", "rejected", "failed", "expired", "unknown")
_DUPLICATE = Q(possible_duplicate=True)


def _deadline() -> datetime:
    return clock.now() + DEADLINE


class EmailQuerySet(models.QuerySet["Email"]):
    """Queries on the log."""

    def owned_by(self, team: Team | None) -> Self:
        """Keep the emails of one team; None: those sent without an API key."""
        return self.filter(team=team)

    def waiting(self) -> Self:
        """Keep the emails that a worker will hand over: not sent yet, or unknown and to be sent again."""
        return self.filter(status__in=(*NOT_SENT_YET, Email.Status.UNKNOWN), due_at__isnull=False)

    def due(self) -> Self:
        """Keep the emails that a worker should hand over now, longest due first."""
        now = Now() + A_MILLISECOND
        ready = self.waiting().free().unpaused().filter(due_at__lte=now, expires_at__gt=Now())
        return ready.exclude(key__in=access.cancelling()).order_by("due_at")

    def free(self) -> Self:
        """Leave out what is held because an older state of the database has come back: it may have been sent since."""
        held = Lineage.objects.filter(pk=THE_ONE).values("held_before")
        return self.filter(created_at__gt=Coalesce(Subquery(held), _LONG_AGO))

    def unpaused(self) -> Self:
        """Leave out what waits for a paused team, key or mailing. No subquery names a row of ours: each runs once."""
        going_on = self.exclude(team__in=access.paused(Team)).exclude(key__in=access.paused(ApiKey))
        marketing = {"purpose": Email.Purpose.MARKETING, "team__in": access.without_marketing()}
        return going_on.exclude(mailing__in=held()).exclude(**marketing)

    def innocent(self) -> Self:
        """Leave out the suspects."""
        return self.filter(crashes__lt=SUSPECT)

    def suspected(self) -> Self:
        """Keep the suspects: they may have crashed the processes that had them, and are handed over alone."""
        return self.filter(crashes__gte=SUSPECT)

    def overdue(self) -> Self:
        """Keep the emails that are still waiting after their deadline."""
        return self.waiting().free().unpaused().filter(expires_at__lte=Now())

    def orphaned(self) -> Self:
        """Keep the emails whose claim has ended: the lease is over, or too far ahead since the clock was set back."""
        over = Q(lease_until__lt=Now()) | Q(lease_until__gt=Now() + 2 * LEASE)
        return self.filter(over, status=Email.Status.SENDING)


class Email(models.Model):
    """One email, from the moment it was accepted. The row is also its place in the queue."""

    class Status(models.TextChoices):
        SCHEDULED = "scheduled"
        QUEUED = "queued"
        SENDING = "sending"
        SENT = "sent"
        PARTIAL = "partial"
        FAILED = "failed"
        EXPIRED = "expired"
        CANCELLED = "cancelled"
        UNKNOWN = "unknown"
        QUARANTINED = "quarantined"

    class Priority(models.TextChoices):
        HIGH = "high"
        NORMAL = "normal"
        BULK = "bulk"  # of mailings only

    class OnAmbiguous(models.TextChoices):
        RESEND = "resend"
        STOP = "stop"

    class Purpose(models.TextChoices):
        TRANSACTIONAL = "transactional"
        MARKETING = "marketing"
        ESSENTIAL = "essential"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    team = models.ForeignKey(
        Team, models.PROTECT, null=True, db_column=OWNER_COLUMN, related_name="emails", db_index=False
    )
    # The key it was sent with; None: without one, or before this was noted. Keys are never deleted: none is looked up.
    key = models.ForeignKey(
        ApiKey, null=True, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    mailing = models.ForeignKey(  # None: of none
        Mailing, null=True, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    created_at = models.DateTimeField(default=timezone.now)

    from_name = models.CharField(max_length=255, blank=True)
    from_address = models.CharField(max_length=254)
    reply_to = models.JSONField(default=list)  # [[address, name], …]
    subject = models.TextField(blank=True)
    text_body = models.TextField(blank=True)
    html_body = models.TextField(blank=True)
    body_pruned_at = models.DateTimeField(null=True)  # when the bodies were deleted; one may also be empty
    headers = models.JSONField(default=dict)
    tags = models.JSONField(default=list)
    metadata = models.JSONField(default=dict)
    priority = models.CharField(
        max_length=6, choices=Priority.choices, default=Priority.NORMAL, db_default=Priority.NORMAL
    )
    on_ambiguous = models.CharField(max_length=6, choices=OnAmbiguous.choices, default=OnAmbiguous.RESEND)
    purpose = models.CharField(  # which suppressions keep it from a recipient
        max_length=13,
        choices=Purpose.choices,
        default=Purpose.TRANSACTIONAL,
        db_default=Purpose.TRANSACTIONAL,
    )
    # what its unsubscribe link ends: marketing, or list:<name>; empty: it has none
    unsubscribe = models.CharField(max_length=105, blank=True, default="", db_default="")
    template = models.JSONField(null=True)  # {id, slug, version, locale} that it was written with
    signatures = models.JSONField(null=True)  # [{id, kind}, …] that were put under it

    status = models.CharField(max_length=11, choices=Status.choices, default=Status.QUEUED)
    provider = models.CharField(max_length=50, blank=True)  # the one that accepted it
    reason = models.TextField(blank=True)  # of its status, for a person
    # providers that were not asked in the last round: {name: reason}
    left_out = models.JSONField(default=dict)
    # sent again although it may have been sent before
    possible_duplicate = models.BooleanField(default=False, db_default=False)
    resend_of = models.UUIDField(null=True)  # the email that a client sent again as this one
    finished_at = models.DateTimeField(null=True)

    due_at = models.DateTimeField(null=True)  # when it is to be handed over, or handed over again
    expires_at = models.DateTimeField(default=_deadline)
    rounds = models.PositiveIntegerField(default=0)  # walks along the providers
    # number of its claim, a fencing token: a late worker's is older
    epoch = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    worker = models.UUIDField(null=True)  # the process that made the claim
    # how often the process that had claimed it ended before the outcome
    crashes = models.PositiveSmallIntegerField(default=0, db_default=0)

    # No column: the recipients that this process has just left out, for the answer to the client who waits.
    suppressed: tuple[str, ...] = ()

    objects = EmailQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = [
            # read by lists, and counted by the dashboard without a look at the rows
            models.Index(fields=["team", "id", "status", "provider"], name="email_by_team"),
            models.Index(fields=["status", "id"], name="email_by_status"),
            models.Index(fields=["provider", "id"], name="email_by_provider"),
            models.Index(fields=["mailing", "id"], name="email_mailing", condition=Q(mailing__isnull=False)),
            # read by filters: the sender, the key, the mailing, and possible duplicates below
            models.Index(DomainOf("from_address"), Lower("from_address"), "id", name="email_by_domain"),
            models.Index(fields=["key", "id"], name="email_by_key", condition=Q(key__isnull=False)),
            # read by submission/resending
            models.Index(fields=["resend_of"], name="email_resent", condition=Q(resend_of__isnull=False)),
            # read by queue/fairness
            models.Index(
                fields=["priority", "team", "due_at"], name="email_turns", condition=Q(due_at__isnull=False)
            ),
            # read by queue/sweep
            models.Index(fields=["priority", "due_at"], name="email_due", condition=Q(due_at__isnull=False)),
            # read by EmailQuerySet.overdue
            models.Index(fields=["expires_at"], name="email_waiting", condition=Q(due_at__isnull=False)),
            # read by EmailQuerySet.orphaned
            models.Index(fields=["lease_until"], name="email_leased", condition=Q(status="sending")),
            # read by EmailQuerySet.suspected
            models.Index(fields=["due_at"], name="email_suspects", condition=Q(crashes__gte=SUSPECT)),
            models.Index(fields=["id"], name="email_possible_duplicate", condition=_DUPLICATE),
        ]
        permissions = [("settle_email", "Can settle an email whose outcome is unknown")]

    def __str__(self) -> str:
        return self.subject or str(self.id)

    def still_mine(self) -> EmailQuerySet:
        """Return a queryset of this row that is empty once another process has claimed it."""
        return Email.objects.filter(pk=self.pk, epoch=self.epoch, status=self.Status.SENDING)

    def left_unknown(self) -> EmailQuerySet:
        """Return a queryset of this row that is empty unless it became unknown when our claim ended."""
        return Email.objects.filter(pk=self.pk, epoch=self.epoch + 1, status=self.Status.UNKNOWN)

    def take_over(self) -> bool:
        """End the claim of a process that has ended by raising the epoch; tell whether this call did it."""
        mine = Email.objects.orphaned().filter(pk=self.pk, epoch=self.epoch)
        taken = mine.update(epoch=F("epoch") + 1, crashes=F("crashes") + 1)
        self.epoch += taken
        return bool(taken)


class Recipient(models.Model):
    """One recipient of one email, and its own status."""

    class Kind(models.TextChoices):
        TO = "to"
        CC = "cc"
        BCC = "bcc"

    class Status(models.TextChoices):
        PENDING = "pending"
        ACCEPTED = "accepted"
        DEFERRED = "deferred"  # from here to complained: what the provider told later, by an event
        DELIVERED = "delivered"
        BOUNCED = "bounced"
        COMPLAINED = "complained"
        REJECTED = "rejected"
        FAILED = "failed"
        EXPIRED = "expired"
        CANCELLED = "cancelled"
        UNKNOWN = "unknown"
        SUPPRESSED = "suppressed"

    email = models.ForeignKey(Email, on_delete=models.CASCADE, related_name="recipients")
    kind = models.CharField(max_length=3, choices=Kind.choices)
    name = models.CharField(max_length=255, blank=True)
    address = models.CharField(max_length=254)  # as asked for, the domain as A-labels
    canonical = models.CharField(max_length=254, db_index=True)  # lower case, for comparing and searching
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    reason = models.TextField(blank=True)  # of its status, in the words of the provider or of its mail server

    class Meta:
        ordering = ("id",)
        indexes = [
            # read by the filter of emails
            models.Index(
                fields=["status", "email"], name="recipient_in_trouble", condition=Q(status__in=IN_TROUBLE)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address


class Attachment(models.Model):
    """One file of one email; the content is in the attachment storage, once for all emails that have it."""

    email = models.ForeignKey(Email, on_delete=models.CASCADE, related_name="attachments")
    filename = models.CharField(max_length=255)
    content_type = models.CharField(max_length=content_types.LONGEST)
    content_id = models.CharField(max_length=255, blank=True)
    size = models.PositiveIntegerField()  # bytes
    sha256 = models.CharField(max_length=64, db_index=True)
    # clamd's version and its signatures' by which it was found clean; empty: it was not scanned
    scanned_as = models.CharField(max_length=200, blank=True, default="", db_default="")
    pruned_at = models.DateTimeField(null=True)  # when the content stopped being kept for this email

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.filename

    def open(self) -> BinaryIO:
        """Open the content for reading; the caller closes it."""
        return cast(BinaryIO, storage.attachments().open(storage.path(self.sha256)))


class Tag(models.Model):
    """An index entry: this email has this tag. The order of tags is kept in the email's own list."""

    email = models.ForeignKey(Email, on_delete=models.CASCADE, related_name="tag_rows")
    name = models.CharField(max_length=100)

    class Meta:
        indexes = [models.Index(fields=["name", "email"], name="email_by_tag")]

    def __str__(self) -> str:
        return self.name
