"""Teams and their API keys."""

from typing import Any, Final

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from delivery.db import clock
from delivery.models import scopes

# Of every table: processes of the version before, which called teams owners, run on beside new ones. So do the names
# of indexes and constraints. See docs/decisions/0038.
OWNER_COLUMN: Final = "owner_id"


class Team(models.Model):
    """An application that sends through GoMail. Its keys may change; its emails remain its own."""

    name = models.CharField(max_length=100, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    paused_at = models.DateTimeField(null=True, editable=False)  # since then nothing is taken or sent
    marketing_paused_at = models.DateTimeField(null=True, editable=False)  # the same for marketing mail alone

    class Meta:
        ordering = ("name",)
        # read by EmailQuerySet.unpaused
        indexes = [
            models.Index(fields=["id"], name="owner_paused", condition=Q(paused_at__isnull=False)),
            models.Index(
                fields=["id"], name="team_marketing_paused", condition=Q(marketing_paused_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ApiKey(models.Model):
    """A Bearer token of a team. Only its public id and a hash are stored; the token is shown once."""

    team = models.ForeignKey(Team, db_column=OWNER_COLUMN, on_delete=models.PROTECT, related_name="keys")
    public_id = models.CharField(max_length=8, unique=True, editable=False)
    digest = models.CharField(
        max_length=64, editable=False
    )  # SHA-256 of the token, hex: 190 random bits need no slow hash
    scopes = models.JSONField(default=list)  # names of Scope, or an alias of several
    from_addresses = models.JSONField(default=list, blank=True)  # addresses or @domains; empty: any sender
    # who made it in the admin; None: somebody at the shell, over the API, or before this was noted
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    # A person made it, in the admin or with another such key; stays when the person's account is deleted.
    of_person = models.BooleanField(default=False, db_default=False, editable=False)
    name = models.CharField(max_length=100, blank=True, default="", db_default="")
    note = models.CharField(max_length=500, blank=True, default="", db_default="")
    # from where it may be used: addresses and networks; empty: anywhere. NULL: older processes know no such column
    networks = models.JSONField(default=list, blank=True, null=True)
    expires_at = models.DateTimeField(null=True, editable=False)  # from then on nobody can use it
    made_with = models.ForeignKey(  # the key that made it over the API
        "self", null=True, editable=False, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    successor_of = models.OneToOneField(  # the key that was rotated
        "self", null=True, editable=False, on_delete=models.SET_NULL, related_name="successor"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    paused_at = models.DateTimeField(null=True, editable=False)  # since then nothing is taken or sent
    # By somebody who manages the team: whoever has but own keys does not end it.
    paused_by_manager = models.BooleanField(default=False, db_default=False, editable=False)
    # The first of its rotations, with whose row of limits all of them count.
    limited_as = models.ForeignKey(
        "self", null=True, editable=False, on_delete=models.SET_NULL, related_name="limited_alike"
    )
    # Revoked together with what waits: none of it is sent any more, also what comes back from an attempt later on.
    cancels_waiting = models.BooleanField(default=False, db_default=False, editable=False)

    class Meta:
        ordering = ("-created_at",)
        indexes = [
            # read by EmailQuerySet.unpaused
            models.Index(fields=["id"], name="key_paused", condition=Q(paused_at__isnull=False)),
            # read by EmailQuerySet.due
            models.Index(fields=["id"], name="key_cancels_waiting", condition=Q(cancels_waiting=True)),
        ]
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.team} gm_live_{self.public_id}_…"

    def may(self, scope: str) -> bool:
        """Tell whether the key has this scope, by its name or by an alias."""
        return scopes.allows(self.scopes, scope)

    def may_be_used(self) -> bool:
        """Tell whether it is neither revoked nor expired."""
        return self.revoked_at is None and not self.has_expired()

    def has_expired(self) -> bool:
        """Tell whether its time is over."""
        return self.expires_at is not None and self.expires_at <= clock.now()

    def revoke(self, **changes: Any) -> None:
        """Revoke the key from now on; the emails sent with it stay."""
        ApiKey.objects.filter(pk=self.pk, revoked_at=None).update(revoked_at=clock.now(), **changes)
        self.refresh_from_db(fields=["revoked_at"])


def alike(first: int) -> models.QuerySet[Any, Any]:
    """Return the ids of a key and of its rotations, which count with its limits."""
    return ApiKey.objects.order_by().filter(Q(pk=first) | Q(limited_as=first)).values("pk")


def paused(holders: type[Team] | type[ApiKey]) -> models.QuerySet[Any, Any]:
    """Return the ids of the teams or keys that are paused."""
    return holders._default_manager.order_by().filter(paused_at__isnull=False).values("pk")


def without_marketing() -> models.QuerySet[Any, Any]:
    """Return the ids of the teams whose marketing mail is paused."""
    return Team.objects.order_by().filter(marketing_paused_at__isnull=False).values("pk")


def cancelling() -> models.QuerySet[Any, Any]:
    """Return the ids of the keys that were revoked together with all that waits."""
    return ApiKey.objects.order_by().filter(cancels_waiting=True).values("pk")


class KeyDay(models.Model):
    """How many requests came with a key on one day (UTC); written about once a minute."""

    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="days", db_index=False)
    day = models.DateField()
    requests = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ("-day",)
        constraints = [models.UniqueConstraint(fields=["key", "day"], name="key_day_once")]

    def __str__(self) -> str:
        return f"{self.requests} on {self.day}"
