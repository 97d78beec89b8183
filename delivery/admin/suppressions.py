"""The page of suppressions: who must not be written to, entered and let go, each with its reason."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from delivery.access.scopes import Scope
from delivery.admin import base, pages
from delivery.admin.lists import Endless
from delivery.admin.permissions import scoped
from delivery.content import addresses, tombstones
from delivery.db import clock
from delivery.models import Suppression, Team
from delivery.models.suppression import ALL, LIST, MARKETING
from delivery.suppressions import entries, exports, vendors
from delivery.suppressions.entries import Finding

_Kind = Suppression.Kind
_LONGEST_LIST, _LONGEST_REASON, _LONGEST_SHOWN = 100, 1000, 40
_PARAMETERS = frozenset({"kind__exact", "team__id__exact", "source", "scope_kind"})


class ScopeFilter(base.Filter):  # type: ignore[misc]
    """Filter by what is stopped; lists have one choice together."""

    title, parameter_name = "scope", "scope_kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer all, marketing and lists."""
        return [(ALL, "everything"), (MARKETING, "marketing"), (LIST, "one list")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Suppression]) -> QuerySet[Suppression]:
        """Keep the chosen entries; other values are ignored."""
        if self.value() == LIST:
            return queryset.filter(scope__startswith=LIST)
        return queryset.filter(scope=self.value()) if self.value() in (ALL, MARKETING) else queryset


class SuppressionForm(base.OfTeams):
    """The form for a new entry."""

    chosen_by = "whose"

    who = base.OneLine(
        label="Address", max_length=320, widget=base.Line(attrs={"autocomplete": "off", "type": "email"})
    )
    whose = forms.ModelChoiceField(
        label="Whose mail",
        queryset=Team.objects.all(),
        required=False,
        empty_label="everybody's",
        widget=base.Choice,
    )
    why = forms.ChoiceField(label="Kind", choices=_Kind.choices, initial=_Kind.MANUAL, widget=base.Choice)
    only_list = base.OneLine(
        label="Only this list",
        required=False,
        max_length=_LONGEST_LIST,
        widget=base.Line(attrs={"autocomplete": "off", "placeholder": "news"}),
        help_text="Empty: everything, or marketing for somebody who has unsubscribed.",
    )
    because = base.OneLine(
        label="Reason", max_length=_LONGEST_REASON, widget=base.Line(attrs={"autocomplete": "off"})
    )
    days = forms.IntegerField(
        label="Ends after days",
        required=False,
        min_value=1,
        max_value=3650,
        widget=base.Line(attrs={"inputmode": "numeric"}),
        help_text="Empty: never.",
    )

    class Meta:
        model = Suppression
        fields: tuple[str, ...] = ()

    def clean_who(self) -> str:
        """Return the address as it is compared."""
        try:
            return addresses.canonical(addresses.bare(self.cleaned_data["who"].strip()))
        except addresses.InvalidAddress as error:
            raise forms.ValidationError(str(error)) from error

    def finding(self, by: str) -> Finding:
        """Return what the valid form says."""
        given, now = self.cleaned_data, clock.now()
        return Finding(
            team_id=given["whose"].pk if given["whose"] else None,
            address=given["who"],
            kind=given["why"],
            scope=f"{LIST}{given['only_list'].strip()}" if given["only_list"].strip() else ALL,
            source="admin",
            reason=given["because"],
            at=now,
            expires_at=now + timedelta(days=given["days"]) if given["days"] else None,
            by=by,
        )


@admin.register(Suppression)
class SuppressionAdmin(Endless, base.ReadOnlyAdmin):
    """Entries are made and ended, not changed: what they say is what was reported."""

    read_scope, write_scope = Scope.SUPPRESSIONS_READ, Scope.SUPPRESSIONS_WRITE
    team_path = "team"
    form = SuppressionForm
    list_display = ("shown", "state", "stops", "whose", "source", "last", "until")
    list_filter = (
        ("kind", base.ChoicesFilter),
        ScopeFilter,
        ("team", base.TeamFilter),
    )
    list_select_related = ("team",)
    search_fields = ("address",)  # only shows the search box; get_search_results does the search
    search_help_text = "A whole address, or its beginning"
    actions_list = ("export",)
    actions_row = ("let_go",)
    actions_detail = ("let_go",)
    readonly_fields = (
        *("address", "state", "stops", "whose", "reason", "source", "by", "count", "first", "last", "until"),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Require the scope, which ReadOnlyAdmin ignores."""
        return self.permits(request, self.write_scope)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Suppression], search_term: str
    ) -> tuple[QuerySet[Suppression], bool]:
        """Search the beginning of addresses, along their index."""
        begins = addresses.canonical(search_term.strip())
        if not begins:
            return queryset, False
        found = Q(address__gte=begins, address__lt=f"{begins}\U0010ffff")
        return queryset.filter(found | Q(address__in=tombstones.of(begins))), False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Refuse filters that would read the whole table."""
        return lookup in _PARAMETERS

    def get_fieldsets(self, request: HttpRequest, obj: Suppression | None = None) -> Any:
        """Show the form's fields for a new entry, all columns of an existing one."""
        asked = ("who", "whose", "why", "only_list", "because", "days")
        return [(None, {"fields": self.readonly_fields if obj else asked})]

    def get_readonly_fields(self, request: HttpRequest, obj: Suppression | None = None) -> Any:
        """Make every field of an existing entry read-only."""
        return self.readonly_fields if obj else ()

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Leave out the buttons of objects that can be changed."""
        one = {"show_save_and_continue": False, **(extra_context or {})}
        return super().add_view(request, form_url, one)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Enter the address; what is known already is counted."""
        if change:
            raise PermissionDenied
        finding = form.finding(request.user.get_username())
        entry, _ = entries.enter(finding)
        obj.__dict__.update({name: value for name, value in entry.__dict__.items() if name != "_state"})
        obj._state.adding = False

    @base.action(description="Export CSV", icon="download", url_path="export")
    @scoped(Scope.SUPPRESSIONS_READ)
    def export(self, request: HttpRequest) -> StreamingHttpResponse:
        """Return the entries in force as a file that can be imported again over the API."""
        rows = self.visible(request, Suppression.objects.in_force(), self.read_scope).order_by("-id")
        response = StreamingHttpResponse(exports.lines(rows), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = 'attachment; filename="suppressions.csv"'
        return response

    @base.action(description="Let go…", icon="undo", url_path="let-go")
    @scoped(Scope.SUPPRESSIONS_WRITE)
    def let_go(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the reason on GET, end the entry on POST."""
        mine = self.rows(request, Scope.SUPPRESSIONS_WRITE).select_related("team")
        entry = get_object_or_404(mine, pk=pages.id_of(object_id))
        reason = request.POST.get("reason", "").strip()[:_LONGEST_REASON]
        if request.method == "POST" and reason:
            return self._end(request, entry, reason)
        context = {**self.admin_site.each_context(request), "opts": self.opts, "object": entry}
        back = reverse("admin:delivery_suppression_change", args=[entry.pk])
        told = {"title": "Let an address go", "back": back, "missing": request.method == "POST"}
        return TemplateResponse(request, "delivery/let_go.html", {**context, **told})

    def _end(self, request: HttpRequest, entry: Suppression, reason: str) -> HttpResponse:
        with transaction.atomic():
            self.log_change(request, entry, "Let go.")  # who did it is for the operator, not for clients
            ended = entries.let_go([entry], by="person", reason=reason)
        for account, why in vendors.remove_ended(ended).items():
            messages.warning(request, f"The list of {account} still has {entry.address}: {why}")
        messages.success(request, f"{entry.address} may be written to again, as far as this entry goes.")
        return HttpResponseRedirect(reverse("admin:delivery_suppression_changelist"))

    @admin.display(description="Address")
    def shown(self, entry: Suppression) -> str:
        """Show the address, the longest in part."""
        return Truncator(entry.address).chars(_LONGEST_SHOWN)

    @base.display(description="Kind", label=dict.fromkeys(_Kind.labels, "danger") | {"unsubscribed": "info"})
    def state(self, entry: Suppression) -> str:
        """Show the kind in words."""
        return entry.get_kind_display()

    @admin.display(description="Stops")
    def stops(self, entry: Suppression) -> str:
        """Show the scope in words."""
        return f"the list {entry.scope.removeprefix(LIST)}" if entry.scope.startswith(LIST) else entry.scope

    @admin.display(description="Whose mail")
    def whose(self, entry: Suppression) -> str:
        """Show the team."""
        return str(entry.team) if entry.team else "everybody's"

    @admin.display(description="First")
    def first(self, entry: Suppression) -> SafeString:
        """Show when it was first reported."""
        return pages.moment(entry.first_seen)

    @admin.display(description="Last")
    def last(self, entry: Suppression) -> SafeString:
        """Show when it was last reported."""
        return pages.moment(entry.last_seen)

    @admin.display(description="Until")
    def until(self, entry: Suppression) -> SafeString | str:
        """Show when it ends."""
        return pages.moment(entry.expires_at) if entry.expires_at else "for ever"
