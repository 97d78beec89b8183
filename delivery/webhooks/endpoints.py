"""Endpoints: made, changed, and switched off when nobody is there any more.

Every change here is known to this process at once, and to the others after a second (listeners).
"""

import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce, Now

from delivery.access import audit
from delivery.db import clock
from delivery.models import Team, WebhookEndpoint, WebhookMessage
from delivery.webhooks import kinds, listeners, outbox, post, sign
from delivery.webhooks.outbox import Notice

MOST: Final = 50  # of a team: each of its events is written once for each
_SHOWN: Final = ("url", "events", "description", "enabled")  # in the audit
_OVERLAP = timedelta(hours=24)  # in which calls are signed with the secret before, too
_PATIENCE = timedelta(days=5)
log = logging.getLogger(__name__)


class TooMany(Exception):
    """The team has as many endpoints as it may have."""


class SwitchedOff(Exception):
    """Nothing is posted to an endpoint that is off."""


def of(team: Team | None) -> QuerySet[WebhookEndpoint]:
    """Return the endpoints of a team; None: those of the emails sent without a key."""
    return WebhookEndpoint.objects.filter(team=team, deleted_at=None)


def create(
    team: Team | None,
    *,
    url: str,
    events: Collection[str] = (),
    description: str = "",
    enabled: bool = True,
) -> WebhookEndpoint:
    """Return a new endpoint with its secret; raise `post.Forbidden` for a URL that may not be called."""
    post.check(url)
    if of(team).count() >= MOST:
        raise TooMany
    fields = {"url": url, "events": list(events), "description": description, "enabled": enabled}
    with transaction.atomic():
        made = WebhookEndpoint.objects.create(
            team=team, secret=sign.new_secret(), created_at=clock.now(), **fields
        )
        _record("webhook.created", made, after=audit.values(made, _SHOWN))
        _changed()
    return made


def change(endpoint: WebhookEndpoint, **fields: Any) -> None:
    """Change url, events, description or enabled; raise `post.Forbidden` for a URL that may not be called."""
    if fields.get("url", endpoint.url) != endpoint.url:
        post.check(fields["url"])
    before, after = audit.difference(audit.values(endpoint, fields), fields)
    if fields.get("enabled") and not endpoint.enabled:
        fields |= {"disabled_reason": "", "failing_since": None}
    with transaction.atomic():
        _update(endpoint, **fields)
        if after:
            _record("webhook.changed", endpoint, before=before, after=after)


def switch_off(endpoint: WebhookEndpoint, reason: str) -> None:
    """Switch an endpoint off on GoMail's own account; the reason is shown to people. What waits stays."""
    log.warning("The webhook endpoint %s is switched off. %s", endpoint.pk, reason)  # a URL may hold a key
    with transaction.atomic():
        _update(endpoint, enabled=False, disabled_reason=reason)
        _record("webhook.switched_off", endpoint, after={"reason": reason})


def rotate(endpoint: WebhookEndpoint) -> str:
    """Return a new secret; for 24 hours calls are signed with the old one, too."""
    secret = sign.new_secret()
    until = clock.now() + _OVERLAP
    with transaction.atomic():
        _update(endpoint, secret=secret, previous_secret=endpoint.secret, previous_until=until)
        _record("webhook.rotated", endpoint, after={"previous_until": until})
    return secret


def delete(endpoint: WebhookEndpoint) -> None:
    """Delete an endpoint and its secrets: nothing is posted to it any more. Its rows are pruned after a month."""
    before = audit.values(endpoint, _SHOWN)
    with transaction.atomic():
        _update(endpoint, enabled=False, deleted_at=clock.now(), secret="", previous_secret="")
        _record("webhook.deleted", endpoint, before=before)


def send_test(endpoint: WebhookEndpoint) -> WebhookMessage:
    """Have a `webhook.test` posted to this endpoint; raise `SwitchedOff` if it is."""
    if not endpoint.enabled:
        raise SwitchedOff
    data = {"endpoint_id": endpoint.pk}
    with transaction.atomic():
        _record("webhook.tested", endpoint)
        return outbox.tell(endpoint.pk, Notice(kind=kinds.TEST, team_id=endpoint.team_id, data=data))


def secrets(endpoint: WebhookEndpoint, now: datetime) -> list[str]:
    """Return the secrets that calls are signed with: the newest first, the one before for a day after a rotation."""
    until = endpoint.previous_until
    overlaps = endpoint.previous_secret and until and until > now
    return [endpoint.secret, endpoint.previous_secret] if overlaps else [endpoint.secret]


def note_failure(endpoint: WebhookEndpoint) -> None:
    """Note that a message failed all of its tries; switch the endpoint off if all have for five days."""
    row = WebhookEndpoint.objects.filter(pk=endpoint.pk)
    row.update(failing_since=Coalesce("failing_since", Now()))
    if row.filter(enabled=True, failing_since__lte=Now() - _PATIENCE).exists():
        switch_off(endpoint, "It has taken nothing for five days, and messages failed all of their tries.")


def _update(endpoint: WebhookEndpoint, **fields: Any) -> None:
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(**fields)
    for name, value in fields.items():
        setattr(endpoint, name, value)
    _changed()


def _changed() -> None:
    """Let this process see it: at once in this transaction, and in the other threads once it is committed."""
    listeners.forget()
    transaction.on_commit(listeners.forget)


def _record(action: str, endpoint: WebhookEndpoint, **what: Any) -> None:
    audit.record(action, "webhook", endpoint.pk, team=endpoint.team_id, **what)
