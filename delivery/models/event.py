"""What vendors have told of emails and of accounts: one row for each event, whoever repeats it."""

from django.db import models

from delivery.db import clock, ids
from delivery.models.email import Email


class ProviderEvent(models.Model):
    """One event of a vendor. It is never changed; an email's recipients have their status from all of its events."""

    class State(models.TextChoices):
        APPLIED = "applied", "applied"
        PARKED = "parked", "about an attempt that is not known here"
        OTHER = "other", "kept, and nothing follows from it"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    key = models.CharField(max_length=64)  # SHA-256 of what makes it this event: a repeat has the same
    account = models.CharField(max_length=50)  # the provider's name in GOMAIL_PROVIDERS
    kind = models.CharField(max_length=12)  # a word of providers.events.Kind
    name = models.CharField(max_length=100, blank=True)  # the same in the vendor's words
    state = models.CharField(max_length=7, choices=State.choices)
    # Without a constraint in the database: it would lock the email's row for each event, two events in a circle, and
    # a process of the version before could not prune the email.
    email = models.ForeignKey(
        Email, null=True, on_delete=models.CASCADE, related_name="events", db_constraint=False, db_index=False
    )
    attempt = models.UUIDField(null=True)  # ours, as the vendor returned it; of a parked one there is no row
    recipient = models.CharField(max_length=254, blank=True)  # canonical, as the vendor names it
    certain = models.BooleanField(default=True)  # False: it says nothing sure of this recipient
    bounce = models.CharField(max_length=4, blank=True)  # hard or soft
    bot = models.BooleanField(default=False)  # opened or clicked by a machine
    # a complaint that this recipient, for certain, takes back
    not_spam = models.BooleanField(default=False, db_default=False)
    # the list that was left or joined; empty: all of them
    list_name = models.CharField(max_length=100, blank=True, default="", db_default="")
    trouble = models.CharField(max_length=8, blank=True)  # what it says of the account or the sender
    code = models.CharField(max_length=100, blank=True)
    reason = models.TextField(blank=True)
    at = models.DateTimeField()  # by the vendor's clock
    received_at = models.DateTimeField(default=clock.now)
    raw = models.JSONField(default=dict)  # as it came

    class Meta:
        ordering = ("-id",)
        constraints = [models.UniqueConstraint(fields=["key"], name="provider_event_once")]
        indexes = [
            # read by events/standings, and for an email's timeline
            models.Index(fields=["email", "recipient"], name="provider_event_by_email"),
            # read by monitoring: the last event of an account
            models.Index(fields=["account", "id"], name="provider_event_by_account"),
            # read by events/accounts: the last news of an account
            models.Index(
                fields=["account", "at"], name="provider_event_troubles", condition=~models.Q(trouble="")
            ),
            # read by retention: what is kept for a while only
            models.Index(fields=["id"], name="provider_event_loose", condition=models.Q(email=None)),
        ]

    def __str__(self) -> str:
        return f"{self.account}: {self.kind} {self.recipient}".rstrip()


class EventToken(models.Model):
    """A one-time token that a vendor signed, where its signature leaves the body out, and what it came with first."""

    account = models.CharField(max_length=50)
    token = models.CharField(max_length=64)  # its SHA-256
    digest = models.CharField(max_length=64)  # of the body: the same token with another one is a forgery
    seen_at = models.DateTimeField(default=clock.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "token"], name="event_token_once")]

    def __str__(self) -> str:
        return f"{self.account}: {self.token[:8]}"
