"""The page of incidents, with the button by which a person says that he knows; and the banner of the dashboard."""

from typing import Any, Final

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from delivery.admin import base, pages, permissions
from delivery.admin.lists import Endless
from delivery.admin.pages import Label
from delivery.admin.permissions import OPERATOR, scoped
from delivery.models import Alert, Incident
from delivery.monitoring import incidents
from delivery.monitoring import messages as alert_messages

_MOST: Final = 10  # on the dashboard
_LABELS: Final = {"open": "danger", "acknowledged": "warning", "over": "success"}


class OpenFilter(base.Filter):  # type: ignore[misc]
    """Filter by whether it is there now."""

    title, parameter_name = "state", "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer both."""
        return [("open", "open"), ("over", "over")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Keep those."""
        if self.value() not in ("open", "over"):
            return queryset
        return queryset.filter(closed_at__isnull=self.value() == "open")


@admin.register(Incident)
class IncidentAdmin(Endless, base.ReadOnlyAdmin):
    """The operator's own: what concerns a team stands on its pages, too."""

    list_display = ("kind", "subject", "state", "since", "ended", "acknowledged_by", "people_know")
    list_filter = (OpenFilter, ("kind", base.ChoicesFilter))
    actions_detail = ("acknowledge",)
    fields = readonly_fields = (
        *("kind", "subject", "state", "said", "advice", "since", "seen", "ended", "flaps"),
        *("acknowledged_by", "people_know", "not_told", "messages_told"),
    )

    @base.action(description="Acknowledge…", icon="done", url_path="acknowledge")
    @scoped(OPERATOR)
    def acknowledge(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say what it does on GET; note who knows, on POST."""
        incident = get_object_or_404(Incident, pk=pages.id_of(object_id))
        back = reverse("admin:delivery_incident_change", args=[incident.pk])
        if request.method != "POST":
            shown = {"title": "Acknowledge", "opts": self.opts, "incident": incident, "back": back}
            context = {**self.admin_site.each_context(request), **shown}
            return TemplateResponse(request, "delivery/acknowledge.html", context)
        if incidents.acknowledge(incident, request.user.get_username()):
            messages.success(request, f"Acknowledged: {incident}. There are no more reminders of it.")
        else:
            messages.info(request, "It is over, or somebody had acknowledged it already.")
        return HttpResponseRedirect(back)

    @base.display(description="State", label=_LABELS)
    def state(self, incident: Incident) -> str:
        """Show whether it is there, and whether somebody knows."""
        return state(incident)

    @admin.display(description="Since")
    def since(self, incident: Incident) -> SafeString:
        """Show when it was seen first."""
        return pages.moment(incident.opened_at)

    @admin.display(description="Seen last")
    def seen(self, incident: Incident) -> SafeString:
        """Show when it was seen last."""
        return pages.moment(incident.seen_at)

    @admin.display(description="Over")
    def ended(self, incident: Incident) -> SafeString | str:
        """Show when it was over."""
        return pages.moment(incident.closed_at) if incident.closed_at else "–"

    @admin.display(description="People were told")
    def people_know(self, incident: Incident) -> str:
        """Show what they were told last."""
        return str(incident.get_told_display()) if incident.told else "nothing yet"

    @admin.display(description="Messages")
    def messages_told(self, incident: Incident) -> SafeString | str:
        """Show when people were told what."""
        told = Alert.objects.filter(incident=incident).order_by("-id")[:20]
        lines = [(pages.moment(alert.at), alert.get_word_display()) for alert in told]
        return format_html_join("", '<span class="gm-line">{} {}</span>', lines) or "none"

    @admin.display(description="What to do")
    def advice(self, incident: Incident) -> SafeString:
        """Show what the messages refer to, and the way to the providers if one of them is in trouble."""
        guide = alert_messages.section(incident)
        if incident.kind not in alert_messages.OF_PROVIDERS:
            return format_html("<code>{}</code>", guide)
        where = reverse("admin:delivery_circuit_changelist")
        return format_html('<code>{}</code> · <a class="gm-link" href="{}">Providers</a>', guide, where)


def state(incident: Incident) -> str:
    """Return `open`, `acknowledged` or `over`."""
    if not incident.is_open:
        return "over"
    return "acknowledged" if incident.acknowledged_at else "open"


def banner(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the open incidents for the dashboard, those that nobody has acknowledged first."""
    if not permissions.is_operator(request):
        return []
    rows = incidents.opened().order_by("acknowledged_at", "-id")
    unknown = list(rows.filter(acknowledged_at=None)[:_MOST])
    known = rows.filter(acknowledged_at__isnull=False)[: _MOST - len(unknown)]
    return [_row(incident) for incident in (*unknown, *known)]


def _row(incident: Incident) -> dict[str, Any]:
    word = state(incident)
    return {
        "incident": incident,
        "label": Label(text=word, colour=_LABELS[word]),
        "since": pages.moment(incident.opened_at),
        "link": reverse("admin:delivery_incident_change", args=[incident.pk]),
    }
