"""Incidents: troubles that people are told of, from their opening to their end; and the messages that told of them."""

from django.db import models
from django.db.models import Q

from delivery.db import clock, ids


class Incident(models.Model):
    """One trouble. The row is also the place of its next message in the queue: written first, told afterwards.

    Neither an address nor a vendor's words stand in it.
    """

    class Kind(models.TextChoices):
        CIRCUIT = "circuit", "a provider is not used"
        ACCOUNT = "account", "an account cannot send"
        QUOTA = "quota", "the day of an account will be used up"
        OLDEST = "oldest", "emails wait for too long"
        UNKNOWN = "unknown", "emails that only a person can settle"
        EVENTS = "events", "events do not come any more"
        WEBHOOK = "webhook", "a webhook endpoint was switched off"
        QUARANTINE = "quarantine", "emails are in quarantine"
        WORKER = "worker", "a worker has gone"
        SUPPRESSIONS = "suppressions", "many addresses were suppressed"
        DRILL = "drill", "a provider failed the drill"
        SCANNER = "scanner", "the virus scanner is away"
        DISK = "disk", "a disk is full or cannot be written"
        CLOCK = "clock", "a clock is wrong"
        RESTORE = "restore", "an older state of the database came back"

    class Word(models.TextChoices):
        NOTHING = "", "nothing"
        OPENED = "opened", "that it is there"
        ENDED = "ended", "that it is over"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    subject = models.CharField(max_length=255, blank=True)  # what has it; empty: the whole installation
    said = models.TextField()  # what is wrong, for a person
    opened_at = models.DateTimeField(default=clock.now)
    seen_at = models.DateTimeField(default=clock.now)  # to the minute
    closed_at = models.DateTimeField(null=True)  # None: it is there
    flaps = models.PositiveIntegerField(default=0)  # how often it came back at once
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=150, blank=True)  # the person
    told = models.CharField(max_length=6, choices=Word.choices, blank=True)  # what people believe
    told_at = models.DateTimeField(null=True)
    reminders = models.PositiveIntegerField(default=0)  # since they were told that it is there
    tell_at = models.DateTimeField(null=True)  # when people are told next; None: there is nothing to tell
    lease_until = models.DateTimeField(null=True)  # until then the process that tells is alone
    tries = models.PositiveIntegerField(default=0)  # of the message that is due, in vain
    not_told = models.TextField(blank=True)  # who could not be told the last time

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"], name="incident_open_once", condition=Q(closed_at=None)
            )
        ]
        indexes = [
            # read by monitoring/alerts
            models.Index(fields=["tell_at"], name="incident_to_tell", condition=Q(tell_at__isnull=False)),
            # read by monitoring/incidents: the last one of its kind and subject
            models.Index(fields=["kind", "subject", "id"], name="incident_by_subject"),
        ]

    def __str__(self) -> str:
        kind = str(self.get_kind_display())
        return f"{kind} ({self.subject})" if self.subject else kind

    @property
    def is_open(self) -> bool:
        """Tell whether it is there now."""
        return self.closed_at is None


class Alert(models.Model):
    """One message that people were told."""

    class Word(models.TextChoices):
        OPENED = "opened", "it is there"
        REMINDED = "reminded", "it is still there"
        ENDED = "ended", "it is over"
        PASSED = "passed", "it was there, and is over"
        DIGEST = "digest", "several at once"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)  # its time
    # None: a digest, of several
    incident = models.ForeignKey(Incident, null=True, on_delete=models.CASCADE, related_name="alerts")
    word = models.CharField(max_length=8, choices=Word.choices)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.get_word_display()}"


class Lookout(models.Model):
    """Who looks for troubles, and tells of them: one worker of all."""

    THE_ONE = 1  # the key of the only row

    id = models.PositiveSmallIntegerField(primary_key=True, default=THE_ONE, editable=False)
    holder = models.UUIDField(null=True)  # its process
    lease_until = models.DateTimeField(null=True)
    digest_at = models.DateTimeField(null=True)  # of the last digest
    pinged_at = models.DateTimeField(null=True)  # of the last ping to GOMAIL_HEARTBEAT_URL

    def __str__(self) -> str:
        return f"{self.holder} until {self.lease_until}"


class DrillResult(models.Model):
    """What the last drill said of one provider."""

    provider = models.CharField(max_length=50, primary_key=True)  # its name in GOMAIL_PROVIDERS
    carries = models.BooleanField()
    at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return f"{self.provider} {'carries' if self.carries else 'does not carry'}"
