"""Idempotency-Keys: requests that may be repeated without sending twice."""

from datetime import timedelta
from typing import Self

from django.db import models
from django.db.models import Exists, OuterRef
from django.utils import timezone

from delivery.db import clock
from delivery.models.email import FINISHED, Email

KEPT = timedelta(hours=24)  # at least


class IdempotencyKeyQuerySet(models.QuerySet["IdempotencyKey"]):
    """Questions about keys."""

    def useless(self) -> Self:
        """Filter keys that may be deleted: older than a day, and their email is finished."""
        finished = Email.objects.filter(pk=OuterRef("email"), status__in=FINISHED)
        return self.filter(Exists(finished), created_at__lt=clock.now() - KEPT)


class IdempotencyKey(models.Model):
    """A client's key for one request; a repeated request gets the email of the first one."""

    scope = models.CharField(max_length=20)  # the team's id, or empty without an API key
    key = models.CharField(
        max_length=300
    )  # in a batch: the client's key, a control character, the item's number
    fingerprint = models.CharField(max_length=64)  # SHA-256 of the request's content with its files, hex
    waited = models.BooleanField()  # the first request waits for the email's outcome
    email = models.ForeignKey(Email, on_delete=models.CASCADE, related_name="idempotency_keys")
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects = IdempotencyKeyQuerySet.as_manager()

    class Meta:
        # decides between simultaneous requests
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="idempotency_key_in_scope")]

    def __str__(self) -> str:
        return self.key
