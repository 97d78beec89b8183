"""Circuit breakers: whether a provider may be used now."""

from django.db import models
from django.utils import timezone


class Circuit(models.Model):
    """The circuit of a provider, or of a sender at it: an address or a domain. No row: it has never been opened."""

    class State(models.TextChoices):
        CLOSED = "closed", "in use"
        OPEN = "open", "not used"
        PROBING = "probing", "being tried"
        OUT = "out", "out of service"

    class Trouble(models.TextChoices):
        FAILING = "failing", "it fails or is slow"
        ACCOUNT = "account", "its account cannot send"
        SENDER = "sender", "it does not take this sender"

    provider = models.CharField(max_length=50)  # its name in GOMAIL_PROVIDERS
    # A sender address, or a domain where all of its addresses are meant; empty: the provider as a whole.
    sender_domain = models.CharField(max_length=254, blank=True)
    state = models.CharField(max_length=7, choices=State.choices, default=State.CLOSED)
    trouble = models.CharField(max_length=7, choices=Trouble.choices, blank=True)  # why it was opened last
    reason = models.TextField(blank=True)  # the same for a person, in the provider's words
    openings = models.PositiveIntegerField(
        default=0
    )  # since it last worked for 10 minutes; each doubles the wait
    changed_at = models.DateTimeField(default=timezone.now)
    changed_by = models.CharField(max_length=150, blank=True)  # a person; empty: GoMail itself
    retry_at = models.DateTimeField(
        null=True
    )  # open: when to probe it; probing: when the probe counts as lost
    probe = models.UUIDField(null=True)  # probing: the id of the probe; only its result counts
    paused_until = models.DateTimeField(null=True)  # the provider asked us to slow down

    class Meta:
        ordering = ("provider", "sender_domain")
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "sender_domain"], name="circuit_of_provider_and_domain"
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider} for {self.sender_domain}" if self.sender_domain else self.provider


class CircuitChange(models.Model):
    """One change of a circuit, kept to explain past outages."""

    circuit = models.ForeignKey(Circuit, on_delete=models.CASCADE, related_name="changes")
    state = models.CharField(max_length=7, choices=Circuit.State.choices)
    reason = models.TextField(blank=True)
    at = models.DateTimeField(default=timezone.now)
    by = models.CharField(max_length=150, blank=True)  # a person; empty: GoMail itself

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.circuit}: {self.get_state_display()}"
