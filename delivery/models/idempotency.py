"""Requests that may be repeated without sending twice."""

from django.db import models
from django.utils import timezone

from delivery.models.email import Email


class IdempotencyKey(models.Model):
    """A client's own name for one request; whoever repeats it gets the email that is there already."""

    scope = models.CharField(max_length=20)  # whose key: the owner's id, or empty without an API key
    key = models.CharField(
        max_length=300
    )  # of a batch: the client's key, a control character, the item's number
    fingerprint = models.CharField(max_length=64)  # SHA-256 of what was asked for, files included, hex
    waited = models.BooleanField()  # the first request waits for what becomes of the email
    email = models.ForeignKey(Email, on_delete=models.CASCADE, related_name="idempotency_keys")
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        # decides between requests that come at the same moment
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="idempotency_key_in_scope")]

    def __str__(self) -> str:
        return self.key
