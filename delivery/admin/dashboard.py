"""The dashboard of the last 24 hours. Every query reads a bounded part of an index."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from delivery.access.scopes import Scope
from delivery.admin import incidents, pages, permissions, provider_pages, reputations, webhook_pages
from delivery.admin.filters import DoubtFilter
from delivery.admin.provider_pages import Condition
from delivery.db import clock, ids
from delivery.models import Email, WebhookEndpoint
from delivery.routing import configured

_MOST = 10_000  # counted exactly; beyond it "10,000+" says enough
_DAY = timedelta(days=1)
_TROUBLE = (Email.Status.UNKNOWN, Email.Status.FAILED, Email.Status.EXPIRED, Email.Status.QUARANTINED)
_SHOWN = 5


def context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the counts of the person's teams, and what is in trouble, each for people with the scope of it."""
    context = {**context, "incidents": incidents.banner(request)}
    if permissions.may(request, Scope.EMAILS_READ):
        mine = permissions.visible(request, Email.objects.all(), Scope.EMAILS_READ)
        cards = [*(_card(mine, status) for status in Email.Status), _waiting(mine)]
        context = {**context, "cards": cards, "trouble": _trouble(mine)}
    if permissions.may(request, Scope.PROVIDERS_READ):
        context = {**context, "not_in_use": _not_in_use(whole=permissions.is_operator(request))}
    if warned := reputations.warned(request):
        context = {**context, "teams_in_trouble": warned}
    if permissions.may(request, Scope.WEBHOOKS_READ):
        endpoints = permissions.visible(request, WebhookEndpoint.objects.all(), Scope.WEBHOOKS_READ)
        context = {**context, "webhooks_in_trouble": webhook_pages.in_trouble(endpoints)}
    return context


def _card(mine: QuerySet[Email], status: Email.Status) -> dict[str, Any]:
    emails = mine.filter(status=status)
    waiting = status in {Email.Status.QUEUED, Email.Status.SENDING}
    return {
        "label": pages.label(status, status.label),
        "count": _count(emails if waiting else emails.filter(id__gte=ids.floor(clock.now() - _DAY))),
        "span": "now" if waiting else "last 24 hours",
        "link": _list(status__exact=status),
    }


def _waiting(mine: QuerySet[Email]) -> dict[str, Any]:
    """Return the card of unknown emails that only a person can settle, counted among the newest unknown ones."""
    newest = mine.filter(status=Email.Status.UNKNOWN).order_by("-id").values("pk")[: _MOST + 1]
    return {
        "label": pages.Label(text="to settle", colour="warning"),
        "count": _count(Email.objects.filter(pk__in=newest, due_at=None)),
        "span": "only a person can",
        "link": _list(doubt=DoubtFilter.WAITING),
    }


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


def _trouble(mine: QuerySet[Email]) -> list[dict[str, Any]]:
    newest = [email for status in _TROUBLE for email in _newest(mine, status)]
    newest.sort(key=lambda email: email.pk, reverse=True)
    return [
        {
            "email": email,
            "title": email.subject.strip() or pages.NO_SUBJECT,
            "label": pages.label(email.status, email.get_status_display()),
            "time": pages.moment(email.created_at),
        }
        for email in newest[:_SHOWN]
    ]


def _newest(mine: QuerySet[Email], status: Email.Status) -> list[Email]:
    columns = ("id", "created_at", "subject", "status", "reason")
    return list(mine.filter(status=status).only(*columns).order_by("-id")[:_SHOWN])
