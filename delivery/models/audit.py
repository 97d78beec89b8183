"""The audit: who changed what, and when. Rows are added and never changed; the database refuses it, too."""

from typing import Any, NoReturn

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from delivery.db import clock, ids
from delivery.models.access import Team


class AppendOnly(Exception):
    """An entry of the audit is neither changed nor deleted."""

    def __init__(self) -> None:
        super().__init__("The audit is append-only.")


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Entries, which can be read."""

    def update(self, **_: Any) -> NoReturn:
        """Refuse."""
        raise AppendOnly

    def delete(self) -> NoReturn:
        """Refuse."""
        raise AppendOnly

    def bulk_update(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse."""
        raise AppendOnly


class AuditEntry(models.Model):
    """One change that a person, a key or a command made, written in the transaction of the change."""

    class ActorKind(models.TextChoices):
        MEMBER = "member", "a person"
        KEY = "key", "an API key"
        SYSTEM = "system", "GoMail itself"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    at = models.DateTimeField(default=clock.now)
    # The entry outlives its team. None: of the whole installation, or of what is done without an API key
    team = models.ForeignKey(
        Team, null=True, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    actor_kind = models.CharField(max_length=6, choices=ActorKind.choices)
    actor_id = models.CharField(max_length=64, blank=True)  # of the user; the public id of the key
    actor_name = models.CharField(max_length=200, blank=True)  # at that time
    address = models.CharField(max_length=45, blank=True)  # the client's; empty: it came over no network
    action = models.CharField(max_length=50)  # key.revoked
    object_kind = models.CharField(max_length=30)
    object_id = models.CharField(max_length=320, blank=True)
    before = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    after = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    request_id = models.CharField(max_length=64, blank=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        # read by the list and its filters
        indexes = [
            models.Index(fields=["team", "id"], name="audit_by_team"),
            models.Index(fields=["team", "action", "id"], name="audit_by_action"),
            models.Index(fields=["team", "actor_id", "id"], name="audit_by_actor"),
            models.Index(fields=["team", "object_id", "id"], name="audit_by_object"),
        ]
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.action} {self.object_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add it, once."""
        if not self._state.adding:
            raise AppendOnly
        super().save(*args, **kwargs)

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse."""
        raise AppendOnly
