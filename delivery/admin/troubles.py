"""What needs a look: emails in trouble by their cause, for the dashboard; a person says that it is known."""

from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import reverse

from delivery.access.scopes import Scope
from delivery.admin import pages, permissions
from delivery.models import Email
from delivery.monitoring import causes
from delivery.monitoring.causes import Cause

_SHOWN: Final = 8
NO_REASON: Final = "No reason was noted."


def rows(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the causes that nobody has acknowledged, the one of most emails first."""
    mine = permissions.visible(request, Email.objects.all(), Scope.EMAILS_READ)
    return [_row(cause) for cause in causes.of(mine)[:_SHOWN]]


def acknowledge(request: HttpRequest, key: str) -> HttpResponse:
    """Note on POST who knows of this cause, for the teams whose emails the person manages."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    mine = permissions.visible(request, Email.objects.all(), Scope.EMAILS_MANAGE)
    cause = next((each for each in causes.of(mine) if each.key == key), None)
    if cause is None:
        raise Http404
    causes.acknowledge(cause, request.user.get_username())
    messages.success(request, "Acknowledged. What fails for the same reason from now on is shown again.")
    return HttpResponseRedirect(reverse("admin:index"))


def _row(cause: Cause) -> dict[str, Any]:
    status = Email.Status(cause.status)
    return {
        "reason": cause.reason or NO_REASON,
        "label": pages.label(cause.status, status.label),
        "count": f"{len(cause.emails):,}{'+' if cause.is_cut else ''}",
        "one": len(cause.emails) == 1,
        "newest": cause.newest,
        "subject": pages.subject(cause.newest),
        "time": pages.moment(cause.newest.created_at),
        "link": reverse("admin:delivery_email_changelist") + "?" + urlencode({"cause": cause.key}),
        "acknowledge": reverse("admin:delivery_email_acknowledge", args=[cause.key]),
    }
