"""Who belongs to a team, and who is invited."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from delivery.db import clock
from delivery.models.access import Team
from delivery.models.scopes import OF_ROLE, Role


class Member(models.Model):
    """A user in a team, with a role."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="members", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=9, choices=Role.choices)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("id",)
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="member_once")]

    def __str__(self) -> str:
        return f"{self.user}, {self.role} of {self.team}"

    def scopes(self) -> frozenset[str]:
        """Return what the member may do in this team."""
        return OF_ROLE[Role(self.role)]


class Newcomer(models.Model):
    """A user who came by an invitation's link, which the inviter had, too, and has not proved the address yet."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="newcomer"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"{self.user}, whose address is not proved"


class Invitation(models.Model):
    """A link for one address, usable once. Only the hash of its token is stored."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="invitations")
    email = models.CharField(max_length=254)  # in lower case: whoever accepts it must have this address
    role = models.CharField(max_length=9, choices=Role.choices)
    token_digest = models.CharField(max_length=64, unique=True, editable=False)  # SHA-256, hex
    invited_by = models.CharField(max_length=160, blank=True)  # a user's name, or a key; empty: the shell
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(editable=False)
    accepted_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.email}, invited to {self.team} as {self.role}"

    def is_open(self) -> bool:
        """Tell whether it can still be accepted."""
        return self.accepted_at is None and self.expires_at > clock.now()
