"""What a provider's account may send: its rate and its day, as the vendor tells them, and what of it is given out."""

from django.db import models


class ProviderQuota(models.Model):
    """The quota of one account, shared by all processes. No row: the vendor has not told of one."""

    provider = models.CharField(max_length=50, primary_key=True)  # its name in GOMAIL_PROVIDERS
    per_second = models.FloatField(null=True)  # recipients, as the vendor tells; None: as many as you like
    every = models.BigIntegerField(default=0)  # nanoseconds between two recipients; 0: none
    day = models.BigIntegerField(null=True)  # recipients in any 24 hours; None: as many as you like
    used = models.BigIntegerField(default=0)  # of the day, by everybody, as the vendor has counted
    counted = models.BigIntegerField(default=0)  # what `taken` was when the vendor was asked
    taken = models.BigIntegerField(default=0)  # recipients that were given out by us since ever
    # until when the rate is given out: nanoseconds since the epoch by the database's clock
    next_at = models.BigIntegerField(default=0)
    pace = models.FloatField(default=0.0)  # recipients a second of late
    asked_at = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True)  # None: the vendor has not told yet
    throttled_at = models.DateTimeField(null=True)  # when the vendor wanted us to slow down last

    class Meta:
        ordering = ("provider",)

    def __str__(self) -> str:
        return f"quota of {self.provider}"
