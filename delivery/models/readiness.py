"""Readiness checks: the providers' last answers."""

from django.db import models
from django.utils import timezone


class ProviderCheck(models.Model):
    """The last readiness check of one provider: whether it would accept mail. Nothing is sent for it."""

    provider = models.CharField(max_length=50, primary_key=True)  # its name in GOMAIL_PROVIDERS
    asked_at = models.DateTimeField(default=timezone.now)
    checked_at = models.DateTimeField(default=timezone.now, null=True)  # when it answered; None: never
    can_be_asked = models.BooleanField(
        default=True
    )  # False: it can be tested only by sending, so an empty list of problems proves nothing
    problems = models.JSONField(default=list)  # sentences: why it would not accept mail, and what to do
    warnings = models.JSONField(default=list)  # sentences
    sandbox = models.BooleanField(null=True)
    quota = models.JSONField(null=True)  # {limit, used, per}
    senders = models.JSONField(default=dict)  # {address: {verified, detail}}

    class Meta:
        ordering = ("provider",)

    def __str__(self) -> str:
        return f"{self.provider} at {self.asked_at:%Y-%m-%d %H:%M}"

    @property
    def ready(self) -> bool:
        """Whether it would accept mail from a verified sender."""
        return not self.problems
