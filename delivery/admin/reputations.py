"""How a team's mail fares: a warning on the dashboard, a column, and the button that lets marketing mail go on."""

from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from delivery.access import brake, reputation
from delivery.access.scopes import Scope
from delivery.admin import base, holders, pages, permissions
from delivery.admin.pages import Label
from delivery.admin.permissions import WRITE, scoped
from delivery.models import Team

_MOST: Final = 20


class BrakedAdmin(holders.HeldAdmin):
    """The page of teams, whose marketing mail may be paused by their bounces."""

    readonly_fields = ("paused", "marketing_mail", "fares")

    @base.action(description="Marketing…", icon="campaign", url_path="marketing")
    @scoped(WRITE)
    def marketing(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show how the team's mail fares on GET; let its marketing mail go on, on POST."""
        team = self._holder(request, object_id)
        if not isinstance(team, Team) or request.method != "POST":
            return self._page(request, team, "delivery/marketing.html", _shown(team))
        if brake.lift(team):
            self.log_change(request, team, "Let its marketing mail go on.")
            messages.success(request, f"{team}: marketing mail goes on.")
        return HttpResponseRedirect(self._back(team))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Show beside the name how an existing team fares."""
        return ("name", *self.readonly_fields) if obj else ("name",)

    @base.display(description="Mail of 24 hours")
    def fares(self, team: Team) -> str:
        """Show the parts that bounced and complained."""
        return f"{brake.said(reputation.of(team.pk)).capitalize()}."

    @base.display(description="Marketing", label={"paused": "danger", "goes on": "success"})
    def marketing_mail(self, team: Team) -> str:
        """Show whether it is paused."""
        return "paused" if team.marketing_paused_at else "goes on"


def warned(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the person's teams whose mail bounces or is complained about too much, and those that are braked."""
    if not permissions.may(request, Scope.STATS_READ):
        return []
    poor = reputation.poor()
    mine = permissions.visible(request, Team.objects.all(), Scope.STATS_READ, "pk")
    braked = set(mine.filter(marketing_paused_at__isnull=False).values_list("pk", flat=True))
    rows = mine.filter(pk__in={*poor, *braked}).order_by("name")[:_MOST]
    return [_warning(team, team.pk in braked) for team in rows]


def _warning(team: Team, braked: bool) -> dict[str, Any]:
    word = (
        Label(text="marketing paused", colour="danger") if braked else Label(text="warned", colour="warning")
    )
    said = brake.said(reputation.of(team.pk)).capitalize()
    return {
        "team": team,
        "label": word,
        "said": f"{said}.",
        "link": reverse("admin:delivery_team_change", args=[team.pk]),
    }


def _shown(team: Any) -> dict[str, Any]:
    found = reputation.of(team.pk)
    since = team.marketing_paused_at
    return {
        "title": "Marketing mail",
        "reputation": found,
        "said": f"{brake.said(found).capitalize()}.",
        "since": pages.moment(since) if since else "",
        "waiting": brake.waiting_of(team).count(),
    }
