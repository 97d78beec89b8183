"""Who delivers what waits."""

from django.db import models
from django.utils import timezone


class Worker(models.Model):
    """One delivery worker, from its start to its end; it says every few seconds that it is there."""

    id = models.UUIDField(primary_key=True, editable=False)  # the identity of its process
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    threads = models.PositiveIntegerField()  # emails that it hands over at the same time
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now, db_index=True)  # by the database's clock
    stopped_at = models.DateTimeField(null=True)  # when it ended in order; one that was killed has none

    class Meta:
        ordering = ("-started_at",)

    def __str__(self) -> str:
        return f"{self.host}, process {self.pid}"
