"""Teams that are deleted: the button of their owner, and the operator's list of those that go or have gone."""

from typing import Any, Final

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from delivery.admin import base, pages, permissions, reputations, webhook_lists
from delivery.admin.pages import Label
from delivery.admin.permissions import OPERATOR, OWNER, scoped
from delivery.deletion import orders, outlook
from delivery.models import Team, TeamDeletion

_LABELS: Final = {"done": "success", "waiting": "warning", "running": "info"}


class DeletableAdmin(reputations.BrakedAdmin):
    """The page of teams, each of which its owner may delete."""

    @base.action(description="Delete the team…", icon="delete_forever", url_path="delete-team")
    @scoped(OWNER)
    def delete_team(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say what would go and ask for the team's name on GET, order it on POST."""
        team: Team = get_object_or_404(self.rows(request, OWNER), pk=pages.number(object_id))
        again = request.POST.get("again", "").strip()
        if request.method == "POST" and again == team.name:
            return self._ordered(request, team)
        context = {
            "title": "Delete the team",
            "said": outlook.sentences(outlook.of(team)),
            "wrong": request.method == "POST",
        }
        return self._page(request, team, "delivery/delete_team.html", context)

    def _ordered(self, request: HttpRequest, team: Team) -> HttpResponse:
        """Order it; whoever owned the team does not see it any more, so the answer says what comes."""
        assert isinstance(request.user, User)  # noqa: S101 - the page is behind the login
        deletion = orders.give(team, request.user)
        if permissions.is_operator(request):
            messages.success(request, f"{team} is being deleted.")
            return HttpResponseRedirect(_place(deletion))
        permissions.forget(request)
        context = {"title": "The team is being deleted", "deletion": deletion}
        shown = {**self.admin_site.each_context(request), **context}
        return TemplateResponse(request, "delivery/team_leaves.html", shown)

    @base.display(description="Paused")
    def paused(self, holder: Any) -> SafeString | str:
        """Show since when nothing is taken or sent, or that the team is about to go."""
        return "is being deleted" if hasattr(holder, "deletion") else super().paused(holder)


@admin.register(TeamDeletion)
class TeamDeletionAdmin(webhook_lists.LogAdmin):
    """Deleted teams, newest first; the operator sees them."""

    read_scope, write_scope = OPERATOR, None
    list_display = ("name", "shown_state", "so_far", "by", "ordered", "finished")
    template = "delivery/team_deletion.html"
    missing = "There is no such team."

    def get_urls(self) -> list[URLPattern]:
        """Add the progress."""
        view = self.admin_site.admin_view(self.progress)
        return [path("<uuid:pk>/progress/", view, name="delivery_teamdeletion_progress"), *super().get_urls()]

    @scoped(OPERATOR)
    def progress(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Show how far it is, again and again."""
        row = self.find(request, str(pk), OPERATOR)
        if row is None:
            return self.not_here(request)
        shown = {"object": row, **_standing(row)}
        return TemplateResponse(request, "delivery/team_deletion_progress.html", shown)

    def context(self, row: TeamDeletion) -> dict[str, Any]:
        """Return what the page shows."""
        shown = {"facts": _facts(row), "there": _there(row), "audit": _audit(row)}
        return {"title": f"{row}, deleted", **shown, **_standing(row)}

    @base.display(description="State", label=_LABELS)
    def shown_state(self, row: TeamDeletion) -> str:
        """Show how far it is."""
        return row.state

    @admin.display(description="So far")
    def so_far(self, row: TeamDeletion) -> str:
        """Show the counts, or what it waits for."""
        return row.waits_for or outlook.progress(row)

    @admin.display(description="Ordered")
    def ordered(self, row: TeamDeletion) -> SafeString:
        """Show when it was ordered."""
        return pages.moment(row.at)

    @admin.display(description="Done")
    def finished(self, row: TeamDeletion) -> SafeString | str:
        """Show when it was done."""
        return pages.moment(row.finished_at) if row.finished_at else "–"


def _place(row: TeamDeletion) -> str:
    return reverse("admin:delivery_teamdeletion_change", args=[row.pk])


def _audit(row: TeamDeletion) -> str:
    return f"{reverse('admin:delivery_auditentry_changelist')}?team__id__exact={row.team_id}"


def _standing(row: TeamDeletion) -> dict[str, Any]:
    return {
        "state": Label(text=row.state, colour=_LABELS[row.state]),
        "going": row.state != "done",
        "percent": outlook.percent(row),
        "said": outlook.progress(row),
        "counts": sorted(row.counts.items()),
    }


def _facts(row: TeamDeletion) -> list[tuple[str, Any]]:
    facts = [
        ("Ordered by", row.by or "the shell"),
        ("Ordered", pages.moment(row.at)),
        ("Done", row.finished_at and pages.moment(row.finished_at)),
        ("Number of the team", row.team_id),
        ("Id", row.pk),
    ]
    return [(name, value) for name, value in facts if value]


def _there(row: TeamDeletion) -> list[tuple[str, str]]:
    return [(name.capitalize(), f"{number:,}") for name, number in row.found.items() if number]
