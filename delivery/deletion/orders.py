"""The order to delete a team. From its commit on nothing of the team begins; a worker does the rest."""

from typing import Final

from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction
from django.db.models.functions import Coalesce, Now

from delivery.access import audit, members
from delivery.deletion import outlook
from delivery.models import ApiKey, Invitation, Mailing, Team, TeamDeletion, WebhookEndpoint

SHELL: Final = None  # who orders it at the shell


class NotAllowed(Exception):
    """Only an owner of the team, and the operator, delete a team."""


def may_be_given(team: Team, by: User | AnonymousUser | None) -> bool:
    """Tell whether somebody may delete the team: an owner, the operator, the shell."""
    return by is SHELL or members.owns(by, team)


def give(team: Team, by: User | None) -> TeamDeletion:
    """Order that a team is deleted; return the deletion that is under way already, if there is one.

    Its keys stop within a second, and nothing that waits is begun. What a provider has at this moment is finished.
    Raises NotAllowed.
    """
    found = outlook.of(team)  # may take a second
    with transaction.atomic():
        Invitation.objects.filter(team=team).delete()  # first: whoever accepts one has it before the team
        Team.objects.select_for_update(no_key=True).get(pk=team.pk)
        if not may_be_given(team, by):
            raise NotAllowed(NotAllowed.__doc__)
        if given := TeamDeletion.objects.filter(team=team).first():
            return given
        _stop(team)
        members.dismiss_all(team)
        ordered = TeamDeletion.objects.create(team=team, name=team.name, by=_name(by), found=found)
        audit.record("team.deleted", **audit.named(team), before={"name": team.name}, after=found)
    return ordered


def _stop(team: Team) -> None:
    """Let nothing of the team begin: in words that processes of the version before understand, too."""
    Team.objects.filter(pk=team.pk).update(paused_at=Coalesce("paused_at", Now()))
    ended = {"revoked_at": Coalesce("revoked_at", Now()), "cancels_waiting": True}
    ApiKey.objects.filter(team=team).update(**ended)
    mailings = Mailing.objects.filter(team=team).exclude(state__in=Mailing.OVER)
    mailings.update(state=Mailing.State.CANCELLED, finished_at=Now())
    WebhookEndpoint.objects.filter(team=team, deleted_at=None).update(enabled=False, deleted_at=Now())


def _name(by: User | None) -> str:
    return by.get_username()[:150] if by else ""
