"""The dashboard: what became of the mail of a span of time, and what needs a look. All is counted along indexes."""

from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.core.cache import cache
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from delivery.access.scopes import Scope
from delivery.admin import (
    charts,
    incidents,
    pages,
    permissions,
    provider_pages,
    reputations,
    snippets,
    troubles,
    webhook_pages,
)
from delivery.admin.filters import SPANS, DoubtFilter
from delivery.admin.provider_pages import Condition
from delivery.db import clock
from delivery.models import Email, WebhookEndpoint
from delivery.monitoring import history
from delivery.monitoring.history import Axis, Counts
from delivery.routing import configured

_MOST: Final = 10_000  # counted exactly of what waits; beyond it "10,000+" says enough
_USUAL: Final = "24h"
_LONG: Final = ("7d", "30d")  # spans whose numbers may be a minute old
_KEPT: Final = 60.0  # seconds
_NOW: Final = (Email.Status.SCHEDULED, Email.Status.QUEUED, Email.Status.SENDING)


def context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the counts of the person's teams, and what is in trouble, each for people with the scope of it."""
    context = {**context, "incidents": incidents.banner(request)}
    if permissions.may(request, Scope.EMAILS_READ):
        context = {**context, **_mail(request)}
    if permissions.may(request, Scope.PROVIDERS_READ):
        context = {**context, "not_in_use": _not_in_use(whole=permissions.is_operator(request))}
    if warned := reputations.warned(request):
        context = {**context, "teams_in_trouble": warned}
    if permissions.may(request, Scope.WEBHOOKS_READ):
        endpoints = permissions.visible(request, WebhookEndpoint.objects.all(), Scope.WEBHOOKS_READ)
        context = {**context, "webhooks_in_trouble": webhook_pages.in_trouble(endpoints)}
    return context


def _mail(request: HttpRequest) -> dict[str, Any]:
    mine = permissions.visible(request, Email.objects.all(), Scope.EMAILS_READ)
    word = request.GET.get("span", "") if request.GET.get("span", "") in SPANS else _USUAL
    over = history.axis(clock.now(), SPANS[word].length, SPANS[word].bars)
    statuses, providers, latencies = _history(request, word, over, mine)
    drawn = [
        charts.of_statuses(over, statuses),
        charts.of_providers(over, providers),
        charts.of_latencies(over, latencies),
    ]
    return {
        "cards": [*(_card(mine, status, statuses, word) for status in Email.Status), _waiting(mine)],
        "spans": [(each, span.words, each == word) for each, span in SPANS.items()],
        "span_words": SPANS[word].words,
        "charts": [chart for chart in drawn if not chart.is_empty],
        "oldest": _oldest(mine),
        "senders": [
            (sender, count, _list(sender=sender, age=word))
            for sender, count in history.failing_senders(over, mine)
        ],
        "domains": [
            (domain, count, _list(q=f"domain:{domain}", age=word))
            for domain, count in history.failing_domains(over, mine)
        ],
        "trouble": troubles.rows(request),
        "may_manage": permissions.may(request, Scope.EMAILS_MANAGE),
        "is_empty": not mine.exists(),
        "snippets": snippets.here(request),
        "may_make_keys": permissions.may(request, Scope.KEYS_WRITE),
    }


def _history(
    request: HttpRequest, word: str, over: Axis, mine: QuerySet[Email]
) -> tuple[Counts, Counts, Any]:
    """Return what the charts show; of long spans as it was up to a minute ago."""
    teams = (
        None if permissions.is_operator(request) else sorted(permissions.teams(request, Scope.EMAILS_READ))
    )
    key = f"gomail:dashboard:{word}:{teams}"
    if word in _LONG and (known := cache.get(key)):
        return known  # type: ignore[no-any-return]
    found = (
        history.by_status(over, teams),
        history.by_provider(over, list(dict.fromkeys([*configured.names(), *configured.SANDBOX])), teams),
        history.latencies(over, mine),
    )
    if word in _LONG:
        cache.set(key, found, _KEPT)
    return found


def _card(mine: QuerySet[Email], status: Email.Status, counts: Counts, word: str) -> dict[str, Any]:
    if status in _NOW:
        count, span, link = _count(mine.filter(status=status)), "now", _list(status__exact=status)
    else:
        count, span = f"{sum(counts[status]):,}", f"last {SPANS[word].words}"
        link = _list(status__exact=status, age=word)
    return {"label": pages.label(status, status.label), "count": count, "span": span, "link": link}


def _waiting(mine: QuerySet[Email]) -> dict[str, Any]:
    """Return the card of unknown emails that only a person can settle, counted among the newest unknown ones."""
    newest = mine.filter(status=Email.Status.UNKNOWN).order_by("-id").values("pk")[: _MOST + 1]
    return {
        "label": pages.Label(text="to settle", colour="warning"),
        "count": _count(Email.objects.filter(pk__in=newest, due_at=None)),
        "span": "only a person can",
        "link": _list(doubt=DoubtFilter.WAITING),
    }


def _oldest(mine: QuerySet[Email]) -> Any:
    """Return since when the email that is due longest waits; None: nothing is late."""
    found: list[datetime] = []
    for priority in Email.Priority.values:
        due = mine.waiting().filter(priority=priority, due_at__lte=clock.now()).order_by("due_at")  # type: ignore[attr-defined]
        found += due.values_list("due_at", flat=True)[:1]
    return pages.moment(min(found)) if found else None


def _list(**parameters: str) -> str:
    return reverse("admin:delivery_email_changelist") + "?" + urlencode(parameters)


def _not_in_use(*, whole: bool) -> list[tuple[str, Condition]]:
    """Return the configured providers that are not fully in use now; whole: with what was said of it."""
    now, circuits = clock.now(), provider_pages.of_providers(whole=whole)
    conditions = [(name, provider_pages.condition(circuits.get(name), now)) for name in configured.names()]
    return [(name, condition) for name, condition in conditions if condition.sentence]


def _count(emails: QuerySet[Email]) -> str:
    found = emails.order_by()[: _MOST + 1].count()
    return f"{_MOST:,}+" if found > _MOST else f"{found:,}"
