"""Erasures: proof that a person was forgotten, and how far one has come."""

from django.db import models
from django.db.models import Q

from delivery.db import clock, ids
from delivery.models.access import Team


class Erasure(models.Model):
    """One person who is forgotten. The row is the proof, and until it is done the place from which to go on."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    team = models.ForeignKey(
        Team, null=True, on_delete=models.PROTECT, related_name="erasures", db_index=False
    )
    everywhere = models.BooleanField(default=False)  # of all teams, which the operator alone may do
    digest = models.CharField(max_length=27)  # the tombstone: a keyed hash of the address
    address = models.CharField(
        max_length=254, blank=True
    )  # canonical; empty as soon as it is not needed any more
    by = models.CharField(max_length=150, blank=True)  # the person or the key that asked for it
    at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)  # until then the process that works on it is alone
    waits_for = models.TextField(blank=True)  # why it is not finished, for a person
    counts = models.JSONField(default=dict)  # what was erased so far: {kind of row: number}
    position = models.JSONField(default=dict)  # from where to go on looking for mentions

    class Meta:
        ordering = ("-id",)
        indexes = [
            # read by suppressions/erased
            models.Index(fields=["digest"], name="erasure_by_digest"),
            models.Index(fields=["team", "id"], name="erasure_by_team"),
            # read by erasure/background
            models.Index(fields=["id"], name="erasure_unfinished", condition=Q(finished_at=None)),
        ]

    def __str__(self) -> str:
        return self.digest

    @property
    def state(self) -> str:
        """Return `done`, `waiting` or `running`."""
        if self.finished_at:
            return "done"
        return "waiting" if self.waits_for else "running"
