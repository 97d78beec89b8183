"""How far this database has come: what a machine remembers of it shows when an older state has come back."""

from uuid import uuid4

from django.db import models
from django.utils import timezone

THE_ONE = 1  # the key of the only row


class Lineage(models.Model):
    """The one row that says which database this is. A restored copy bears the same name; a new one has its own."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=THE_ONE, editable=False)
    name = models.UUIDField(default=uuid4, editable=False)
    generation = models.PositiveIntegerField(
        default=1
    )  # one more each time that `after_restore` has been run
    # An older state came back, and this is when it was noticed: what was created up to then is not sent until
    # `manage.py after_restore` has put it in doubt. None: nothing is held.
    held_before = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name}, generation {self.generation}"


class Watermark(models.Model):
    """How far one machine has seen this database go. It keeps the same number in a file, which does not go back."""

    machine = models.UUIDField(primary_key=True)  # made with the file
    number = models.PositiveBigIntegerField(default=0)
    moved_at = models.DateTimeField(default=timezone.now)  # by the database's clock

    def __str__(self) -> str:
        return f"{self.machine}: {self.number}"
