"""The page of the audit: who changed what, and when. It is read, filtered and exported; nobody changes it."""

import json
from typing import Any, Final

from django.contrib import admin
from django.contrib.admin.views.main import ALL_VAR, ORDER_VAR, PAGE_VAR
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from delivery.access import audit_log
from delivery.access.scopes import Scope
from delivery.admin import base, pages, permissions, webhook_lists
from delivery.admin.filters import AcceptedFilter
from delivery.admin.permissions import scoped
from delivery.models import AuditEntry, Team, TeamDeletion

_LONGEST, _BREAKS = 60, 30  # characters
_Kind = AuditEntry.ActorKind
_KINDS: Final = {_Kind.MEMBER.value: "info", _Kind.KEY.value: "success", _Kind.SYSTEM.value: ""}
_PARAMETERS: Final = frozenset({"actor_kind__exact", "team__id__exact", "at_from", "at_to"})


class _TeamFilter(base.TeamFilter):
    """Offers the operator deleted teams, too: their entries stay."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        """Offer them below the others."""
        there = super().field_choices(field, request, model_admin)
        gone = TeamDeletion.objects.filter(finished_at__isnull=False).order_by("name", "pk")
        deleted = (
            [(row.team_id, f"{row}, deleted") for row in gone] if permissions.is_operator(request) else []
        )
        return [*there, *deleted]


@admin.register(AuditEntry)
class AuditAdmin(webhook_lists.LogAdmin):
    """Every change, newest first."""

    read_scope, write_scope, team_path = Scope.AUDIT_READ, None, "team"
    list_display = ("when", "action", "what", "who", "kind", "address", "whose")
    list_filter = (
        ("actor_kind", base.ChoicesFilter),
        ("team", _TeamFilter),
        ("at", AcceptedFilter),
    )
    actions_list = ("export",)
    search_fields = ("id",)  # only shows the search box; get_search_results does the search
    search_help_text = "An action such as key.revoked, an object's id or address, or a person's name"
    template = "delivery/audit_entry.html"
    missing = "There is no such entry."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Add the name of each entry's team."""
        there = (
            Team.objects.filter(pk=OuterRef("team_id")).order_by().values("name")
        )  # a join would want a row
        deleted = TeamDeletion.objects.filter(team=OuterRef("team_id")).order_by().values("name")
        names = {"team_name": Subquery(there), "deleted_name": Subquery(deleted)}
        rows: QuerySet[Any] = super().get_queryset(request).annotate(**names)
        return rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry], search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        """Find what is called so, whole; of actions also all of a kind."""
        term = search_term.strip()
        of_kind = Q(action__startswith=f"{term}.")
        exactly = Q(action=term) | Q(object_id=term) | Q(actor_name=term) | Q(actor_id=term)
        return queryset.filter(exactly | of_kind) if term else queryset, False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Refuse other filters."""
        return lookup in _PARAMETERS

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Let the export have the filters of the list."""
        response = super().changelist_view(request, extra_context)
        asked = request.GET.copy()
        for name in (ALL_VAR, ORDER_VAR, PAGE_VAR):
            asked.pop(name, None)
        for button in getattr(response, "context_data", {}).get("actions_list", ()):
            button["path"] += f"?{asked.urlencode()}" if asked else ""
        return response

    @base.action(description="Export JSON lines", icon="download", url_path="export")
    @scoped(Scope.AUDIT_READ)
    def export(self, request: HttpRequest) -> HttpResponseBase:
        """Return what the list shows, the newest 100,000."""
        rows = self.get_changelist_instance(request).get_queryset(request)
        return audit_log.exported(rows, with_team=True)

    def context(self, row: AuditEntry) -> dict[str, Any]:
        """Return what the page shows."""
        return {
            "title": f"{row.action} {row.object_id}".strip(),
            "when": pages.moment(row.at),
            "who": self.who(row),
            "values": [(name, value) for name, value in _values(row) if value],
            "facts": [(name, value) for name, value in _facts(row) if value],
        }

    @admin.display(description="Time")
    def when(self, row: AuditEntry) -> SafeString:
        """Show when it was done."""
        return pages.moment(row.at)

    @admin.display(description="Object")
    def what(self, row: AuditEntry) -> SafeString:
        """Show the id, cut."""
        return format_html(
            '<span class="gm-break">{}</span>', Truncator(row.object_id).chars(_LONGEST) or "–"
        )

    @admin.display(description="Who")
    def who(self, row: AuditEntry) -> str:
        """Show the name that they had."""
        return row.actor_name or row.actor_id or "–"

    @base.display(description="Is", label=_KINDS)
    def kind(self, row: AuditEntry) -> tuple[str, str]:
        """Show what they are."""
        return row.actor_kind, "person" if row.actor_kind == _Kind.MEMBER else row.actor_kind

    @admin.display(description="Team", empty_value="–")
    def whose(self, row: AuditEntry) -> str | None:
        """Show whose object it is."""
        return _team(row)


def _team(row: Any) -> str | None:
    """Return the name of the team, also of one that is deleted."""
    return row.team_name or (f"{row.deleted_name}, deleted" if row.deleted_name else None)


def _values(row: AuditEntry) -> list[tuple[str, str]]:
    told = (("Before", row.before), ("After", row.after))
    return [(name, json.dumps(value, indent=2, ensure_ascii=False)) for name, value in told if value]


def _facts(row: Any) -> list[tuple[str, Any]]:
    return [
        ("Kind of object", row.object_kind),
        ("Object", row.object_id),
        ("Team", _team(row)),
        ("Id", row.actor_id),
        ("From", row.address),
        ("X-Request-ID", row.request_id),
        ("Entry", row.pk),
    ]
