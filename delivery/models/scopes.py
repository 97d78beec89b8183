"""Scopes: what a key or a person may do. Roles: named bundles of scopes. docs/roles.md shows both as a table."""

from collections.abc import Iterable, Mapping
from typing import Final

from django.db import models


class Scope(models.TextChoices):
    """One thing that may be done, over the API and in the admin alike."""

    EMAILS_SEND = "emails.send", "send emails"
    BATCHES_SEND = "batches.send", "send batches of emails"
    PRIORITY_HIGH = "priority.high", "send in the lane of what is urgent"
    ESSENTIAL_SEND = "essential.send", "send what goes also to those who complained"
    EMAILS_READ = "emails.read", "read the log, without bodies and files"
    EMAILS_CONTENT = "emails.content", "read bodies and files of emails"
    EMAILS_MANAGE = "emails.manage", "cancel, reschedule, resend and settle emails"
    SUPPRESSIONS_READ = "suppressions.read", "see who is suppressed"
    SUPPRESSIONS_WRITE = "suppressions.write", "suppress addresses, and let them go"
    WEBHOOKS_READ = "webhooks.read", "read webhooks and their calls"
    WEBHOOKS_WRITE = "webhooks.write", "change, test and replay webhooks"
    CONTACTS_READ = "contacts.read", "read contacts, groups and imports"
    CONTACTS_WRITE = "contacts.write", "change contacts and groups, and import them"
    MAILINGS_READ = "mailings.read", "read mailings"
    MAILINGS_WRITE = "mailings.write", "make, start and stop mailings"
    TEMPLATES_READ = "templates.read", "read and render templates"
    TEMPLATES_WRITE = "templates.write", "change and publish templates"
    SIGNATURES_READ = "signatures.read", "read signatures"
    SIGNATURES_WRITE = "signatures.write", "change signatures"
    KEYS_READ = "keys.read", "see API keys"
    KEYS_WRITE = "keys.write", "make, change, pause and revoke API keys"
    PROVIDERS_READ = "providers.read", "see the providers' state"
    PROVIDERS_WRITE = "providers.write", "have the providers asked for their state"
    MEMBERS_READ = "members.read", "see who belongs to the team"
    MEMBERS_WRITE = "members.write", "invite people, change their roles, remove them"
    STATS_READ = "stats.read", "read counts and latencies"
    AUDIT_READ = "audit.read", "read who did what"
    ERASURE_WRITE = "erasure.write", "export and erase what is kept of a person"


class Role(models.TextChoices):
    """What a person is in a team."""

    OWNER = "owner"
    ADMIN = "admin"
    DEVELOPER = "developer"
    SUPPORT = "support"
    VIEWER = "viewer"


# The scopes of keys that were made before there were as many. They go on working.
ALIASES: Final[Mapping[str, frozenset[str]]] = {
    "send": frozenset({Scope.EMAILS_SEND.value, Scope.BATCHES_SEND.value, Scope.EMAILS_MANAGE.value}),
    "read": frozenset(
        {
            Scope.EMAILS_READ.value,
            Scope.EMAILS_CONTENT.value,
            Scope.PROVIDERS_READ.value,
            Scope.STATS_READ.value,
        }
    ),
}
NAMES: Final = (*Scope.values, *ALIASES)  # of which a key may hold any

_VIEWER = frozenset({Scope.EMAILS_READ.value, Scope.STATS_READ.value, Scope.PROVIDERS_READ.value})
_SUPPORT = _VIEWER | {
    Scope.EMAILS_MANAGE.value,
    Scope.SUPPRESSIONS_READ.value,
    Scope.SUPPRESSIONS_WRITE.value,
    Scope.CONTACTS_READ.value,
}
_DEVELOPER = _SUPPORT | {
    Scope.EMAILS_SEND.value,
    Scope.EMAILS_CONTENT.value,
    Scope.BATCHES_SEND.value,
    Scope.TEMPLATES_READ.value,
    Scope.TEMPLATES_WRITE.value,
    Scope.SIGNATURES_READ.value,
    Scope.SIGNATURES_WRITE.value,
    Scope.WEBHOOKS_READ.value,
    Scope.MAILINGS_READ.value,
    Scope.KEYS_READ.value,
    Scope.KEYS_WRITE.value,
}
_ALL = frozenset(Scope.values)
# An admin and an owner have the same scopes; that the team is transferred or deleted by its owner alone is no scope.
OF_ROLE: Final[Mapping[Role, frozenset[str]]] = {
    Role.OWNER: _ALL,
    Role.ADMIN: _ALL,
    Role.DEVELOPER: _DEVELOPER,
    Role.SUPPORT: _SUPPORT,
    Role.VIEWER: _VIEWER,
}


def expand(scopes: Iterable[str]) -> frozenset[str]:
    """Return the scopes with each alias replaced by what it stands for."""
    return frozenset(each for held in scopes for each in ALIASES.get(held, (held,)))


def allows(held: Iterable[str], needed: str) -> bool:
    """Tell whether one of these scopes, or an alias among them, is the needed one."""
    return any(each == needed or needed in ALIASES.get(each, ()) for each in held)
