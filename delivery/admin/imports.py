"""The pages of imports: a file is brought, looked at, checked, run, watched, held and undone."""

from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from delivery.access import audit
from delivery.access.scopes import Scope
from delivery.admin import base, import_forms, pages, permissions, webhook_lists
from delivery.admin.import_forms import BringForm, LookForm
from delivery.admin.pages import Label
from delivery.admin.permissions import scoped
from delivery.audience import exports, files, imports, progress, states
from delivery.audience.questions import NotTaken, Question
from delivery.db import ids
from delivery.models import Group, Import, Team

_KEPT: Final = "gomail_import"  # in the session: the file that is being looked at
_REJECTS_SHOWN: Final = 50
_COLOURS: Final = {
    "uploaded": "info",
    "checking": "info",
    "ready": "warning",
    "running": "info",
    "paused": "warning",
    "done": "success",
    "failed": "danger",
    "cancelled": "",
    "undone": "",
}
_VERBS: Final = {"run": "Run it", "pause": "Pause", "resume": "Go on", "cancel": "Cancel", "undo": "Undo"}
_PAST: Final = {"run": "started", "pause": "paused", "resume": "resumed", "cancel": "cancelled"}


def _large(view: Any) -> Any:
    """Let a page take a file: api/body_limit reads no more than 64 KB of others."""
    view.most_bytes = imports.MOST_BYTES + 1024 * 1024
    return view


@admin.register(Import)
class ImportAdmin(webhook_lists.LogAdmin):
    """Imports, newest first."""

    read_scope, write_scope, team_path = Scope.CONTACTS_READ, Scope.CONTACTS_WRITE, "team"
    form = BringForm
    list_display = ("__str__", "state", "rows_so_far", "rejected", "group", "team", "created")
    list_filter = (("status", base.ChoicesFilter), ("team", base.TeamFilter))
    list_select_related = ("group", "team")
    template = "delivery/import.html"
    missing = "There is no such import."

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Require the scope, which ReadOnlyAdmin ignores."""
        return self.permits(request, self.write_scope)

    def get_urls(self) -> list[URLPattern]:
        """Add the look at a file, the progress, the rejects, and the orders."""
        look = scoped(Scope.CONTACTS_WRITE)(self._look)
        own = [
            path("look/", self.admin_site.admin_view(look), name="delivery_import_look"),
            self._shown("progress", self._progress),
            self._shown("rejects", self._rejects),
        ]
        orders = [self.order(verb, self._ordering(verb)) for verb in _VERBS]
        return [*own, *orders, *super().get_urls()]

    @_large
    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Take a file, keep it for a look, and go there."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = self.get_form(request)(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            _keep(request, form.cleaned_data["file"], form.cleaned_data["team"])
            return HttpResponseRedirect(reverse("admin:delivery_import_look"))
        return self._page(request, "delivery/import_bring.html", {"title": "Bring a file", "form": form})

    def context(self, row: Import) -> dict[str, Any]:
        """Return what the page of an import shows."""
        return {
            "title": str(row),
            **_standing(row),
            "rejects": row.rejects.order_by("id")[:_REJECTS_SHOWN],
            "facts": _facts(row),
            "orders": [(verb, _VERBS[verb]) for verb in _VERBS if row.status in states.MOVES[verb][0]],
        }

    def _look(self, request: HttpRequest) -> HttpResponse:
        """Show how the file is read, and what it asks; on POST check or run it."""
        kept = request.session.get(_KEPT)
        if not kept:
            return HttpResponseRedirect(reverse("admin:delivery_import_add"))
        team = _team(request, kept["team"])
        form = LookForm(team, request.POST or None, initial={"on_existing": "merge"})
        if request.method != "POST":
            form = LookForm(team, {"on_existing": "merge"})
        context: dict[str, Any] = {"title": kept["filename"], "form": form, "choices": import_forms.FIELDS}
        if form.is_valid():
            context |= self._found(form, request, kept)
        if "taken" in context:
            return self._take(request, form, context["taken"], kept)
        return self._page(request, "delivery/import_look.html", context)

    def _found(self, form: LookForm, request: HttpRequest, kept: dict[str, Any]) -> dict[str, Any]:
        asked, file = form.asked(request.POST), files.place(kept["id"])
        try:
            found = imports.look(file, asked)
        except Question as question:
            return import_forms.question(question)
        except (NotTaken, FileNotFoundError) as refusal:
            return {"refusal": refusal}
        if request.POST.get("do") in ("check", "run"):
            return {"taken": asked}
        return {"found": found, "table": import_forms.table(found)}

    def _take(self, request: HttpRequest, form: LookForm, asked: Any, kept: dict[str, Any]) -> HttpResponse:
        with transaction.atomic():
            by, dry_run = request.user.get_username(), request.POST["do"] == "check"
            order = form.order(asked, kept["filename"], by, dry_run=dry_run)
            made = imports.take(form.team, files.place(kept["id"]), order)
            _record("import.started", made)
        files.delete(UUID(kept["id"]))
        del request.session[_KEPT]
        return HttpResponseRedirect(reverse("admin:delivery_import_change", args=[made.pk]))

    def _progress(self, request: HttpRequest, row: Import) -> HttpResponse:
        return TemplateResponse(request, "delivery/import_progress.html", {"object": row, **_standing(row)})

    def _rejects(self, request: HttpRequest, row: Import) -> StreamingHttpResponse:
        response = StreamingHttpResponse(exports.rejects(row), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = 'attachment; filename="rejects.csv"'
        return response

    def _shown(self, word: str, show: Any) -> URLPattern:
        """Return the path of something about a row that is only looked at."""

        @scoped(Scope.CONTACTS_READ)
        def inner(request: HttpRequest, pk: Any) -> HttpResponse:
            row = self.find(request, str(pk), self.read_scope)
            shown: HttpResponse = self.not_here(request) if row is None else show(request, row)
            return shown

        return path(f"<uuid:pk>/{word}/", self.admin_site.admin_view(inner), name=f"delivery_import_{word}")

    def _ordering(self, verb: str) -> Any:
        def act(request: HttpRequest, row: Import) -> None:
            try:
                _order(row, verb)
            except imports.NotNow:
                messages.warning(request, f"It is {row.status} by now; that is not possible any more.")

        return act

    def _page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        return TemplateResponse(
            request, template, {**self.admin_site.each_context(request), "opts": self.opts, **context}
        )

    @base.display(description="Status", label=_COLOURS)
    def state(self, row: Import) -> str:
        """Show the status."""
        return row.status

    @admin.display(description="Rows")
    def rows_so_far(self, row: Import) -> str:
        """Show how many are behind it."""
        return f"{row.total:,}"

    @admin.display(description="Rejected")
    def rejected(self, row: Import) -> str:
        """Show how many were not taken."""
        return f"{row.failed:,}"

    @admin.display(description="Brought")
    def created(self, row: Import) -> SafeString:
        """Show when it came."""
        return pages.moment(row.created_at)


def _order(row: Import, verb: str) -> None:
    if verb == "undo":
        imports.take_back(row)
        with transaction.atomic():
            _record("import.undone", row)
        return
    with transaction.atomic():
        imports.change(row, verb)
        _record(f"import.{_PAST[verb]}", row)


def _record(action: str, row: Import) -> None:
    audit.record(action, "import", row.pk, team=row.team_id, after={"status": row.status})


def _keep(request: HttpRequest, uploaded: Any, team: Team | None) -> None:
    """Keep a file under an id of its own for the look at it; a file before it goes."""
    if before := request.session.pop(_KEPT, None):
        files.delete(UUID(before["id"]))
    pk = ids.uuid7()
    files.keep_content(pk, uploaded)
    request.session[_KEPT] = {"id": pk.hex, "filename": uploaded.name, "team": team.pk if team else None}


def _team(request: HttpRequest, pk: int | None) -> Team | None:
    """Return the team that the file was brought for, if the person still may."""
    if pk is None and permissions.is_operator(request):
        return None
    for team in permissions.teams_with(request, Scope.CONTACTS_WRITE):
        if team.pk == pk:
            return team
    raise PermissionDenied


def _standing(row: Import) -> dict[str, Any]:
    left = progress.eta(row)
    return {
        "state": Label(text=row.status, colour=_COLOURS.get(row.status, "")),
        "going": row.status in Import.DUE,
        "percent": progress.percent(row),
        "left": _in_words(left) if left is not None else "",
        "counts": progress.counts(row).items(),
    }


def _in_words(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"


def _link(group: Group) -> SafeString:
    """Return a way to the group that the contacts have joined."""
    where = reverse("admin:delivery_group_change", args=[group.pk])
    return format_html('<a class="gm-link" href="{}">{}</a>', where, group.name)


def _facts(row: Import) -> list[tuple[str, Any]]:
    facts = [
        ("Group", row.group and _link(row.group)),
        ("Team", row.team),
        ("Encoding", f"{row.sheet} (sheet)" if row.sheet else row.encoding),
        ("Parted by", {"\t": "tabs"}.get(row.delimiter, row.delimiter)),
        ("Existing", row.get_on_existing_display()),
        ("Brought by", row.by),
        ("Brought", pages.moment(row.created_at)),
        ("Finished", row.finished_at and pages.moment(row.finished_at)),
        ("Id", row.pk),
    ]
    return [(name, value) for name, value in facts if value]
