"""Pages of teams."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from delivery.access.scopes import Scope
from delivery.admin import base, deletions, pages, recording
from delivery.admin.permissions import OPERATOR
from delivery.models import Team


class TeamForm(forms.ModelForm):  # type: ignore[type-arg]
    """The name of a team."""

    name = base.OneLine(max_length=100, widget=base.Line(attrs={"autocomplete": "off"}))

    class Meta:
        model = Team
        fields = ("name",)


@admin.register(Team)
class TeamAdmin(recording.Recorded, deletions.DeletableAdmin):
    """Teams can be renamed; they are deleted by an order of their own, not as a row."""

    read_scope, write_scope, team_path = Scope.MEMBERS_READ, OPERATOR, "pk"
    object_kind = "team"
    form = TeamForm
    list_display = ("name", "paused", "marketing_mail", "created")
    actions_detail = ("pause", "limits", "marketing", "delete_team")
    list_select_related = ("deletion",)
    sortable_by = ()
    search_fields = ("name",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def team_of(self, row: Team) -> Team:
        """Let the team see it."""
        return row

    @admin.display(description="Created")
    def created(self, team: Team) -> SafeString:
        """Show when it was created."""
        return pages.moment(team.created_at)
