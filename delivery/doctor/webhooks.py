"""Checks of webhooks: that somebody posts them, and that there is somebody to post them to."""

from datetime import timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from delivery.db import clock, ids
from delivery.doctor.findings import EXAMPLES, Finding, Tally, Words, noted
from delivery.models import WebhookCall, WebhookEndpoint, WebhookMessage

_LONG = timedelta(minutes=5)


def webhooks_are_posted() -> Finding:
    """Check for endpoints with messages that have long been due, and that nobody calls."""
    words = Words(
        question="webhooks",
        well="Webhooks that are due are being posted.",
        broken="Endpoints with webhooks that have been due for more than five minutes, and that nobody calls",
        todo="A worker posts them: start `manage.py worker` or Celery's workers; its log says what fails.",
    )
    return _about(_behind().exclude(_called()), words)


def endpoints_take_them() -> Finding:
    """Report endpoints that were switched off, take nothing, or take less than there is to tell."""
    words = Words(
        question="endpoints",
        well="Every endpoint of webhooks takes them.",
        broken="Endpoints of webhooks that GoMail has switched off, that take nothing, or that are too slow",
        todo="Look at their calls in the admin, and tell their teams. One that is off is switched on there, or by "
        "`PATCH webhooks/{id}/`; `webhooks/{id}/replay/` tells it again what failed.",
    )
    off, failing = Q(enabled=False) & ~Q(disabled_reason=""), Q(enabled=True) & ~Q(failing_since=None)
    slow = Q(pk__in=_behind().filter(_called()).values("pk"))
    return noted(_about(_there().filter(off | failing | slow), words))


def _about(rows: QuerySet[WebhookEndpoint], words: Words) -> Finding:
    tally = Tally()
    tally.count = rows.count()
    named = rows.order_by("pk").values_list("pk", "url")[:EXAMPLES]
    tally.examples = [f"{pk} {url}" for pk, url in named]
    return tally.finding(words)


def _there() -> QuerySet[WebhookEndpoint]:
    return WebhookEndpoint.objects.filter(deleted_at=None)


def _behind() -> QuerySet[WebhookEndpoint]:
    """Return the endpoints with messages that have been due for more than five minutes."""
    late = WebhookMessage.objects.filter(endpoint=OuterRef("pk"), due_at__lt=Now() - _LONG)
    return _there().filter(Exists(late), enabled=True)


def _called() -> Q:
    """Return the condition of endpoints that were called in the last five minutes: a call's id holds its time."""
    lately = WebhookCall.objects.filter(endpoint=OuterRef("pk"), pk__gte=ids.floor(clock.now() - _LONG))
    return Q(Exists(lately))
