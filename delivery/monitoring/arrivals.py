"""The arrivals of events: whether each provider still tells what became of its mail."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from delivery.db import clock, ids
from delivery.models import Attempt, ProviderEvent
from providers import registry
from providers.base import Provider

LATE = timedelta(minutes=20)  # vendors tell of a mail that they have taken within minutes
_LOOKED_AT = timedelta(days=3)
_MOST_ATTEMPTS = 1000  # of a provider, examined for one that was accepted
MOST_UNTOLD = 10_000  # counted


class State(StrEnum):
    """How an account's events are."""

    NONE = "none"  # its type has none, or they are set up on the vendor's pages
    NOT_CONNECTED = "not_connected"
    QUIET = "quiet"  # nothing has come, and nothing had to
    COMING = "coming"
    SILENT = "silent"  # mail was accepted more than 20 minutes ago, and nothing has come since


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """How the events of one account are."""

    state: State
    last_at: datetime | None = None  # when the last one came; None: never
    accepted_at: datetime | None = None  # of a mail of which it ought to have told since; None: there is none

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong: False only for an account that has fallen silent."""
        return self.state is not State.SILENT


def of(provider: Provider) -> Arrivals:
    """Return how the events of an account are."""
    if provider.type not in registry.CONNECTORS:
        return Arrivals(state=State.NONE)
    last = ProviderEvent.objects.filter(account=provider.name).order_by("-id").first()
    last_at = last.received_at if last else None
    if not is_connected(provider.name):
        return Arrivals(state=State.NOT_CONNECTED, last_at=last_at)
    accepted_at = _accepted(provider.name, since=last_at)
    if accepted_at:
        return Arrivals(state=State.SILENT, last_at=last_at, accepted_at=accepted_at)
    return Arrivals(state=State.COMING if last else State.QUIET, last_at=last_at)


def is_connected(account: str) -> bool:
    """Tell whether the account has a variable by which its events are found or verified."""
    return registry.is_connected(account, settings.GOMAIL_PROVIDERS, settings.PROVIDER_SECRETS)


def untold(account: str) -> QuerySet[Attempt]:
    """Return the accepted attempts of the last days of which no event has come, since events come at all."""
    first = ProviderEvent.objects.filter(account=account).order_by("id").values_list("id", flat=True).first()
    if first is None:
        return Attempt.objects.none()
    now = clock.now()
    after, before = max(first, ids.floor(now - _LOOKED_AT)), ids.floor(now - LATE)
    told = ProviderEvent.objects.filter(email=OuterRef("email_id"), attempt=OuterRef("pk"))
    accepted = Attempt.objects.filter(provider=account, outcome=Attempt.Outcome.ACCEPTED)
    return accepted.filter(~Exists(told), id__gt=after, id__lt=before)


def _accepted(account: str, *, since: datetime | None) -> datetime | None:
    """Return when the last mail was accepted of which an event ought to have come since; None: there is none."""
    now = clock.now()
    after = max(since, now - _LOOKED_AT) if since else now - _LOOKED_AT
    window = Attempt.objects.filter(
        provider=account, id__gt=ids.floor(after), id__lt=ids.floor(now - LATE)
    ).order_by("-id")
    among = Attempt.objects.filter(pk__in=window.values("pk")[:_MOST_ATTEMPTS])
    accepted = among.filter(outcome=Attempt.Outcome.ACCEPTED).order_by("-id")
    return accepted.values_list("started_at", flat=True).first()
