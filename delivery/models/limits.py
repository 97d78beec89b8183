"""What a team or a key may do, and what it has used of that."""

from django.db import models
from django.db.models import Q

from delivery.models.access import OWNER_COLUMN, ApiKey, Team


class Limits(models.Model):
    """The limits of one team or one key. In a column None means the default of the settings, 0 no limit."""

    team = models.OneToOneField(
        Team, db_column=OWNER_COLUMN, null=True, on_delete=models.CASCADE, related_name="limits"
    )
    key = models.OneToOneField(ApiKey, null=True, on_delete=models.CASCADE, related_name="limits")
    per_second = models.FloatField(null=True, blank=True)  # recipients
    burst = models.PositiveIntegerField(null=True, blank=True)  # recipients at once
    # the same for priority high alone; None: it shares the rate of all
    high_per_second = models.FloatField(null=True, blank=True)
    high_burst = models.PositiveIntegerField(null=True, blank=True)
    daily = models.PositiveIntegerField(null=True, blank=True)  # recipients in 24 hours
    waiting = models.PositiveIntegerField(null=True, blank=True)  # emails that are not finished
    stored_mb = models.PositiveIntegerField(null=True, blank=True)  # bodies and attachments that are kept

    # By somebody who manages the team: whoever has but own keys does not change them.
    set_by_manager = models.BooleanField(default=False, db_default=False, editable=False)

    # When the whole burst is free again: nanoseconds since the epoch by the database's clock. Whole numbers add up.
    full_at = models.BigIntegerField(default=0, db_default=0, editable=False)
    high_full_at = models.BigIntegerField(default=0, db_default=0, editable=False)
    day_used = models.BigIntegerField(default=0, db_default=0, editable=False)  # the sum of its UsedMinutes
    stored = models.BigIntegerField(null=True, editable=False)  # bytes; None: not counted yet

    class Meta:
        verbose_name_plural = "limits"
        constraints = [
            models.CheckConstraint(
                condition=Q(team__isnull=False, key__isnull=True) | Q(team__isnull=True, key__isnull=False),
                name="limits_of_an_owner_or_a_key",
            )
        ]

    def __str__(self) -> str:
        return f"limits of {self.team or self.key}"


class UsedMinute(models.Model):
    """How many recipients one minute took of a daily quota; they are free again 24 hours after the minute's end."""

    limits = models.ForeignKey(Limits, on_delete=models.CASCADE, related_name="minutes", db_index=False)
    minute = models.BigIntegerField()  # since the epoch
    recipients = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["limits", "minute"], name="used_minute_once")]

    def __str__(self) -> str:
        return f"{self.recipients} in minute {self.minute}"
