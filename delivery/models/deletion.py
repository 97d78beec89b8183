"""Deletions of teams: how far one has come, and afterwards the proof, with the team's name."""

from django.db import models
from django.db.models import Q

from delivery.db import clock, ids
from delivery.models.access import Team


class TeamDeletion(models.Model):
    """One team that is deleted with all that is its own. The row outlives the team, as its audit does."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    # without a constraint: the number stays, and says whose the entries of the audit are
    team = models.OneToOneField(
        Team, on_delete=models.DO_NOTHING, related_name="deletion", db_constraint=False
    )
    name = models.CharField(max_length=100)  # of the team
    by = models.CharField(max_length=150, blank=True)  # the person who ordered it; empty: the shell
    at = models.DateTimeField(default=clock.now)
    still_since = models.DateTimeField(null=True)  # none of its emails waits or is being sent since then
    finished_at = models.DateTimeField(null=True)
    epoch = models.PositiveIntegerField(default=0)  # number of its claim; a late process's is older
    lease_until = models.DateTimeField(null=True)  # until then the process that works on it is alone
    waits_for = models.TextField(blank=True)  # why it does not go on, for a person
    found = models.JSONField(default=dict)  # what was there when it was ordered: {kind of row: number}
    counts = models.JSONField(default=dict)  # what has gone so far, likewise

    class Meta:
        ordering = ("-id",)
        verbose_name = "deleted team"
        indexes = [
            # read by deletion/job
            models.Index(fields=["id"], name="team_deletion_unfinished", condition=Q(finished_at=None)),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> str:
        """Return `done`, `waiting` or `running`."""
        if self.finished_at:
            return "done"
        return "waiting" if self.waits_for else "running"
