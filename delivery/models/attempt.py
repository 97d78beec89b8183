"""Attempts to hand an email over to a provider."""

from django.db import models
from django.utils import timezone

from delivery.db import ids
from delivery.models.email import Email


class Attempt(models.Model):
    """One hand-over of one email to one provider: inserted before the call, completed after it."""

    class Outcome(models.TextChoices):
        STARTED = "started"
        ACCEPTED = "accepted"
        REFUSED_TEMPORARILY = "refused_temporarily"
        REFUSED = "refused"
        NOT_SENT = "not_sent"
        UNKNOWN = "unknown"

    IN_DOUBT = (Outcome.STARTED, Outcome.UNKNOWN)  # the provider may or may not have the email
    CERTAINLY_NOT = (Outcome.NOT_SENT, Outcome.REFUSED_TEMPORARILY, Outcome.REFUSED)

    id = models.UUIDField(
        primary_key=True, default=ids.uuid7, editable=False
    )  # travels in the provider's metadata
    email = models.ForeignKey(Email, on_delete=models.CASCADE, related_name="attempts")
    provider = models.CharField(max_length=50)
    epoch = models.PositiveIntegerField()  # of the claim that made it
    outcome = models.CharField(max_length=19, choices=Outcome.choices, default=Outcome.STARTED)
    provider_message_id = models.CharField(max_length=255, blank=True)
    # the kind of a ProviderError; with the database's default, processes of the previous version can still insert
    error = models.CharField(max_length=20, blank=True, default="", db_default="")
    code = models.CharField(max_length=100, blank=True)  # the provider's
    detail = models.TextField(blank=True)  # what the provider answered, or what happened instead
    started_at = models.DateTimeField(default=timezone.now)
    latency_ms = models.PositiveIntegerField(null=True)
    settled_at = models.DateTimeField(null=True)  # when an unknown outcome became known
    settled_by = models.CharField(
        max_length=150, blank=True, default="", db_default=""
    )  # the person who settled it, or event:<kind>

    # No column: the detail in words for a person, where an exception's own stand in it; for the email's reason.
    reason: str = ""

    class Meta:
        ordering = ("started_at", "id")
        indexes = [
            # read by routing/circuits, and for a provider's last success and failure
            models.Index(fields=["provider", "id"], name="attempt_by_provider"),
            # read by search/query; what is empty is most of them, or nothing that is looked for
            models.Index(
                fields=["provider_message_id"],
                name="attempt_by_message",
                condition=models.Q(provider_message_id__gt=""),
            ),
            models.Index(
                fields=["error", "email"], name="attempt_by_error", condition=models.Q(error__gt="")
            ),
        ]

    @property
    def words(self) -> str:
        """Return what happened, for a person."""
        return self.reason or self.detail

    def __str__(self) -> str:
        return f"{self.provider}: {self.outcome}"
