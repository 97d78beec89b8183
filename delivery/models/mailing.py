"""Mailings: one message to everybody in a group, and what became of it for each of them."""

from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import models
from django.db.models import Q

from delivery.db import clock, ids
from delivery.models.access import ApiKey, Team
from delivery.models.contact import Contact, Group
from delivery.models.library import Signature, Template

LEASE: Final = timedelta(seconds=30)  # of the process that checks or sends it; renewed with every step
MOST_CRASHES: Final = 3  # of processes that had it, one after the other; then it is paused


class Mailing(models.Model):
    """One message to a group. Its row says what is sent, how far it has come, and which process makes its emails."""

    class State(models.TextChoices):
        DRAFT = "draft"  # may be changed
        CHECKED = "checked"  # its recipients are written down; a change makes it a draft again
        SCHEDULED = "scheduled"  # begins at `send_at`
        SENDING = "sending"
        PAUSED = "paused"
        DONE = "done"
        CANCELLED = "cancelled"

    class OnAmbiguous(models.TextChoices):
        RESEND = "resend"
        STOP = "stop"

    HELD = (State.PAUSED, State.CANCELLED)  # nothing of it is sent
    OVER = (State.DONE, State.CANCELLED)
    UNCHANGED = (State.SCHEDULED, State.SENDING, State.PAUSED)  # it goes on as it was confirmed

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    # None: of those who use GoMail without an API key
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.PROTECT, related_name="mailings", db_index=False
    )
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    # Who gets it.
    group = models.ForeignKey(Group, null=True, on_delete=models.SET_NULL, related_name="mailings")
    exclude = models.JSONField(default=list, blank=True)  # ids of groups whose members do not

    # What they get: a template, or bodies of its own, which are written for each recipient as well.
    template = models.ForeignKey(
        Template, null=True, blank=True, on_delete=models.PROTECT, related_name="mailings"
    )
    subject = models.TextField(blank=True)
    html = models.TextField(blank=True)
    text = models.TextField(blank=True)  # empty: made of the HTML
    from_address = models.CharField(max_length=600, blank=True)  # a mailbox; empty: the group's
    reply_to = models.CharField(max_length=600, blank=True)  # a mailbox; empty: the group's
    signature = models.ForeignKey(
        Signature, null=True, blank=True, on_delete=models.SET_NULL, related_name="mailings"
    )
    on_ambiguous = models.CharField(max_length=6, choices=OnAmbiguous.choices, default=OnAmbiguous.STOP)
    # Fixed by the check: {locale: id of a TemplateVersion}, or {"": content.templates.Compiled of its own bodies}.
    # Where a version has become another one since it was over: {locale: {"version": id, "compiled": as it was}}.
    content = models.JSONField(default=dict, editable=False)

    # When, and how fast.
    send_at = models.DateTimeField(null=True, blank=True)  # None: at once
    rate = models.FloatField(
        null=True, blank=True
    )  # emails a second; None: as fast as the providers take them
    domain_rates = models.JSONField(default=dict, blank=True)  # the same for domains of recipients

    # How far it has come.
    state = models.CharField(max_length=9, choices=State.choices, default=State.DRAFT)
    reason = models.TextField(blank=True)  # of its state, for a person
    check_result = models.JSONField(default=dict, editable=False)  # of the last check; see mailings/check
    check_asked_at = models.DateTimeField(null=True, editable=False)  # a check waits or runs
    position = models.BigIntegerField(default=0, editable=False)  # of the check, in its two walks
    recipient_count = models.PositiveBigIntegerField(default=0, editable=False)  # that start/ confirmed
    by = models.CharField(max_length=150, blank=True)  # the person or key that started it
    key = models.ForeignKey(  # whose limits count beside the team's; None: it was started in the admin
        ApiKey, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    started_at = models.DateTimeField(null=True, editable=False)
    paused_at = models.DateTimeField(null=True, editable=False)
    resumed_at = models.DateTimeField(null=True, editable=False)  # last; what bounced before counts no more
    finished_at = models.DateTimeField(null=True, editable=False)
    next_at = models.DateTimeField(null=True, editable=False)  # when its rate allows the next email
    domains_next_at = models.JSONField(default=dict, editable=False)  # the same for domains with a rate
    avoided = models.JSONField(default=dict, editable=False)  # {provider: reason} that are not asked any more
    # The same before it was resumed: they are asked anew, and what they had not answered by then was refused as well.
    avoided_before = models.JSONField(null=True, editable=False)
    pace = models.FloatField(default=0.0, editable=False)  # emails a second, of the last minute

    # The process that checks it or makes its emails.
    worker = models.UUIDField(null=True, editable=False)
    epoch = models.PositiveIntegerField(default=0, editable=False)  # number of its claim
    lease_until = models.DateTimeField(null=True, editable=False)
    crashes = models.PositiveSmallIntegerField(default=0, editable=False)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ("-id",)
        indexes = [
            # read by the list of a team's mailings
            models.Index(fields=["team", "id"], name="mailing_by_team"),
            # read by EmailQuerySet.unpaused
            models.Index(fields=["id"], name="mailing_held", condition=Q(state__in=("paused", "cancelled"))),
        ]

    def __str__(self) -> str:
        return self.name


class MailingRecipient(models.Model):
    """One person of one mailing, written down by its check before the first email, and what became of it."""

    class State(models.TextChoices):
        WAITING = "waiting"
        QUEUED = "queued"  # its email waits, or is under way
        SENT = "sent"  # from here on: what became of that email
        DELIVERED = "delivered"
        BOUNCED = "bounced"
        COMPLAINED = "complained"
        SUPPRESSED = "suppressed"
        UNSUBSCRIBED = "unsubscribed"
        FAILED = "failed"
        UNKNOWN = "unknown"
        CANCELLED = "cancelled"

    OPEN = (State.WAITING, State.QUEUED)

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="recipients", db_index=False)
    contact = models.ForeignKey(Contact, null=True, on_delete=models.SET_NULL, related_name="+")
    address = models.CharField(max_length=254)  # as the contact had it
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    reason = models.TextField(blank=True)  # of its state, or why the check says that it would fail
    # The email that was made of it; that may have been pruned since.
    email = models.ForeignKey(
        "delivery.Email", null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    provider = models.CharField(max_length=50, blank=True)  # that accepted it
    possible_duplicate = models.BooleanField(default=False)
    at = models.DateTimeField(null=True)  # it has this state

    class Meta:
        ordering = ("id",)
        constraints = [models.UniqueConstraint(fields=["mailing", "contact"], name="mailing_recipient_once")]
        # read by the slices, by the counts and by the list of results
        indexes = [models.Index(fields=["mailing", "state", "id"], name="mailing_recipient_by_state")]

    def __str__(self) -> str:
        return f"{self.address}: {self.state}"


def held() -> models.QuerySet[Any, Any]:
    """Return the ids of the mailings of which nothing is sent."""
    return Mailing.objects.order_by().filter(state__in=Mailing.HELD).values("pk")
