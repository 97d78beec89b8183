"""Webhooks: clients' endpoints, what they are told, and each call that was made to tell it."""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.utils import timezone

from delivery.db import ids
from delivery.models.access import OWNER_COLUMN, Team


class WebhookEndpoint(models.Model):
    """A URL that a team wants to be told at."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    # None: told of the emails sent without an API key
    team = models.ForeignKey(
        Team,
        db_column=OWNER_COLUMN,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="webhook_endpoints",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    url = models.CharField(max_length=2000)
    events = models.JSONField(default=list, blank=True)  # names of webhooks/kinds; empty: all of them
    description = models.CharField(max_length=200, blank=True)
    enabled = models.BooleanField(default=True)
    disabled_reason = models.TextField(blank=True, editable=False)  # why GoMail has switched it off
    failing_since = models.DateTimeField(
        null=True, editable=False
    )  # since then no message was taken, and this one failed all of its tries
    secret = models.CharField(max_length=120, editable=False)
    previous_secret = models.CharField(max_length=120, blank=True, editable=False)
    previous_until = models.DateTimeField(
        null=True, editable=False
    )  # till then calls bear its signature, too
    # The row stays for a while: a process that still takes the endpoint for a listener writes messages for it.
    deleted_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.url


class WebhookMessage(models.Model):
    """One event told to one endpoint. Its id is the `webhook-id` of every call; the row is its place in the queue."""

    class Outcome(models.TextChoices):
        WAITING = "waiting"
        DELIVERED = "delivered"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.CASCADE, related_name="messages", db_index=False
    )
    kind = models.CharField(max_length=40)
    data = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    at = models.DateTimeField()  # when it happened
    outcome = models.CharField(max_length=9, choices=Outcome.choices, default=Outcome.WAITING)
    # When it is posted next; a process that claims it moves this to the end of its lease. None: it is finished.
    due_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)  # that are over, since it was told or replayed
    epoch = models.PositiveIntegerField(default=0)  # number of its claim; a late process's is older
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        indexes = [
            # read by webhooks/claims
            models.Index(
                fields=["endpoint", "due_at"], name="webhook_due", condition=Q(due_at__isnull=False)
            ),
            # read by a replay of a range
            models.Index(fields=["endpoint", "at"], name="webhook_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class WebhookCall(models.Model):
    """One call of an endpoint, and what it answered."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.CASCADE, related_name="calls", db_index=False
    )
    message = models.ForeignKey(WebhookMessage, on_delete=models.CASCADE, related_name="calls")
    at = models.DateTimeField(default=timezone.now)
    status = models.PositiveSmallIntegerField(null=True)  # of HTTP; None: there was no answer
    answer = models.TextField(blank=True)  # its first 1,024 bytes, or why there was none
    ms = models.PositiveIntegerField()  # that it took

    class Meta:
        ordering = ("-id",)
        indexes = [models.Index(fields=["endpoint", "id"], name="webhook_call_by_endpoint")]

    def __str__(self) -> str:
        return f"{self.message_id}: {self.status or 'no answer'}"
