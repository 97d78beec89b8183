"""Idempotency-Keys: requests that may be repeated without sending twice."""

from django.db import models
from django.utils import timezone

from delivery.models.email import Email


class IdempotencyKey(models.Model):
    """A client's key for one request; a repeated request gets the email of the first one."""

    scope = models.CharField(max_length=20)  # the owner's id, or empty without an API key
    key = models.CharField(
        max_length=300
    )  # in a batch: the client's key, a control character, the item's number
    fingerprint = models.CharField(max_length=64)  # SHA-256 of the request's content with its files, hex
    waited = models.BooleanField()  # the first request waits for the email's outcome
    email = models.ForeignKey(Email, on_delete=models.CASCADE, related_name="idempotency_keys")
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        # decides between simultaneous requests
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="idempotency_key_in_scope")]

    def __str__(self) -> str:
        return self.key
