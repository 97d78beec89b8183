"""What the providers last said of themselves."""

from django.db import models
from django.utils import timezone


class ProviderCheck(models.Model):
    """The last answer of one provider to the question whether it would carry mail; nothing was sent for it."""

    provider = models.CharField(max_length=50, primary_key=True)  # its name in GOMAIL_PROVIDERS
    asked_at = models.DateTimeField(default=timezone.now)
    checked_at = models.DateTimeField(default=timezone.now, null=True)  # when it answered; None: it never has
    can_be_asked = models.BooleanField(
        default=True
    )  # False: without sending, so that no problem proves nothing
    problems = models.JSONField(default=list)  # sentences: why it would not carry mail, and what to do
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
        """Whether it would carry mail of a verified sender."""
        return not self.problems
