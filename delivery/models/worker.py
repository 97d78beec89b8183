"""Delivery workers and their heartbeats."""

from django.db import models
from django.utils import timezone


class Worker(models.Model):
    """One delivery worker process; it sends a heartbeat every 15 seconds."""

    id = models.UUIDField(primary_key=True, editable=False)  # the identity of its process
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    threads = models.PositiveIntegerField()  # the number of emails it hands over at the same time
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now, db_index=True)  # by the database's clock
    stopped_at = models.DateTimeField(null=True)  # when it shut down; None: it is running, or was killed
    # what is wrong with its machine: {kind of incident: sentence}; None: it does not tell, as older versions
    troubles = models.JSONField(null=True)

    class Meta:
        ordering = ("-started_at",)

    def __str__(self) -> str:
        return f"{self.host}, process {self.pid}"
