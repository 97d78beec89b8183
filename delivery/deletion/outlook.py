"""What the deletion of a team takes away, for the person who is asked whether it is meant."""

from collections.abc import Mapping
from typing import Final

from delivery.access import pauses
from delivery.models import (
    ApiKey,
    Attachment,
    Contact,
    Email,
    Member,
    Suppression,
    Team,
    TeamDeletion,
    Template,
    WebhookEndpoint,
)

_SAID: Final = {
    "emails": "Emails, with their recipients, texts, files and events: {:,}.",
    "waiting": "Of them wait to be sent: {:,}. They are cancelled first.",
    "sending": "Of them are at a provider at this moment: {:,}. They are finished, and the answers written down.",
    "files": "Files of emails: {:,}. Those that other teams have sent, too, stay for these.",
    "keys": "API keys: {:,}. They stop within a second.",
    "members": "Members: {:,}. They lose the team at once. Who is in no other team cannot log in any more.",
    "contacts": "Contacts: {:,}, with groups and imports.",
    "templates": "Templates: {:,}, with layouts, partials and all versions; signatures, too.",
    "suppressions": "Suppressions of this team alone: {:,}. Other teams' mail was never kept from these addresses.",
    "webhooks": "Webhooks: {:,}. They are told nothing of this.",
}
_SHOWN: Final = ("emails", "contacts", "templates", "suppressions")  # which steps counts by the same names
_STAYS: Final = "The audit stays: the operator goes on seeing who did what in this team, under its name."


def of(team: Team) -> dict[str, int]:
    """Count what is there."""
    mine = Email.objects.order_by().filter(team=team)
    return {
        "emails": mine.count(),
        "waiting": pauses.waiting_of(team).count(),
        "sending": mine.filter(status=Email.Status.SENDING).count(),
        "files": Attachment.objects.order_by().filter(email__team=team, pruned_at=None).count(),
        "keys": ApiKey.objects.filter(team=team, revoked_at=None).count(),
        "members": Member.objects.filter(team=team).count(),
        "contacts": Contact.objects.filter(team=team).count(),
        "templates": Template.objects.filter(team=team).count(),
        "suppressions": Suppression.objects.filter(team=team).count(),
        "webhooks": WebhookEndpoint.objects.filter(team=team, deleted_at=None).count(),
    }


def sentences(counts: Mapping[str, int]) -> list[str]:
    """Return the same in words."""
    return [*(_SAID[what].format(number) for what, number in counts.items() if number), _STAYS]


def percent(deletion: TeamDeletion) -> int:
    """Return how much has gone, of what is shown."""
    if deletion.finished_at:
        return 100
    of_all = sum(deletion.found.get(name, 0) for name in _SHOWN)
    gone = sum(min(deletion.counts.get(name, 0), deletion.found.get(name, 0)) for name in _SHOWN)
    return 99 * gone // of_all if of_all else 0


def progress(deletion: TeamDeletion) -> str:
    """Return how far a deletion has come, in one line."""
    gone, found = deletion.counts, deletion.found
    parts = [f"{name}: {gone.get(name, 0):,} of {found[name]:,}" for name in _SHOWN if found.get(name)]
    return " · ".join(parts) or "nothing was there"
