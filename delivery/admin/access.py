"""Pages of API keys and their teams: keys are issued, shown once, and revoked; nothing is deleted."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.html import format_html
from django.utils.safestring import SafeString

from delivery.access import key_rules, keys, members, pauses
from delivery.access.scopes import Scope
from delivery.admin import base, holders, pages, permissions
from delivery.admin.permissions import OPERATOR, scoped
from delivery.content import addresses
from delivery.models import ApiKey, Team
from delivery.submission import cancelling


class KeyForm(base.OfTeams):
    """The form for a new key."""

    chosen_by = "team_name"
    held: ClassVar[Mapping[str, frozenset[str]] | None] = None  # scopes by a team's name; None: all, in any

    team_name = base.OneLine(
        label="Team",
        max_length=100,
        widget=base.Line(attrs={"autocomplete": "off", "placeholder": "web shop"}),
    )
    granted = forms.MultipleChoiceField(
        label="Scopes",
        choices=Scope.choices,
        initial=keys.USUAL_SCOPES,
        widget=base.Checkboxes,
    )
    senders = forms.CharField(
        label="Allowed senders",
        required=False,
        max_length=10_000,
        widget=base.Lines(attrs={"rows": 4, "placeholder": "shop@example.org\n@example.com"}),
        help_text="One address or @domain per line. Empty: any sender.",
    )

    class Meta:
        model = ApiKey
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """List the existing teams in the help text, for those who see them all."""
        super().__init__(*args, **kwargs)
        if self.choices is not None:
            return
        names = ", ".join(Team.objects.values_list("name", flat=True)[:20])
        there_are = f" Existing teams: {names}." if names else ""
        said = "The application that will use the key; a new name creates a team.{}"
        self.fields["team_name"].help_text = format_html(said, there_are)

    def clean_team_name(self) -> str:
        """Strip surrounding spaces."""
        return str(self.cleaned_data["team_name"]).strip()

    def clean(self) -> dict[str, Any]:
        """Refuse scopes that the person does not have: no key may more than whoever makes it."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.held is not None and "team_name" in cleaned:
            more = set(cleaned.get("granted", ())) - self.held[cleaned["team_name"]]
            if more:
                self.add_error("granted", f"You do not have these scopes there: {', '.join(sorted(more))}.")
        return cleaned

    def limit(self, teams: Sequence[Team]) -> None:
        """Offer these teams, and the scopes that the person has in one of them."""
        names = [(team.name, team.name) for team in teams]
        self.fields["team_name"] = forms.ChoiceField(label="Team", choices=names, widget=base.Choice)
        granted: Any = self.fields["granted"]
        mine = frozenset().union(*(self.held or {}).values())
        granted.choices = [choice for choice in Scope.choices if choice[0] in mine]
        granted.initial = [scope for scope in keys.USUAL_SCOPES if scope in mine]

    def clean_senders(self) -> list[str]:
        """Parse each line as a rule."""
        lines = [line.strip() for line in self.cleaned_data["senders"].splitlines()]
        try:
            return [key_rules.sender(line) for line in lines if line]
        except addresses.InvalidAddress as error:
            raise forms.ValidationError(str(error)) from error


@admin.register(ApiKey)
class ApiKeyAdmin(holders.HeldAdmin, base.ReadOnlyAdmin):
    """API keys: issued here or by manage.py create_api_key, shown once, then only revoked."""

    read_scope, write_scope, team_path = Scope.KEYS_READ, Scope.KEYS_WRITE, "team"
    form = KeyForm
    list_display = ("shown", "team", "may", "from_whom", "state", "last_used", "created")
    list_select_related = ("team",)
    sortable_by = ()
    search_fields = ("public_id", "team__name")
    search_help_text = "A team or the public part of a key"
    actions_row = ("revoke",)
    actions_detail = ("revoke", "pause", "limits")
    readonly_fields = (
        "shown",
        "team",
        "may",
        "from_whom",
        "state",
        "paused",
        "created",
        "last_used",
        "revoked",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Require the scope, which ReadOnlyAdmin ignores."""
        return self.permits(request, self.write_scope)

    def visible(self, request: HttpRequest, rows: QuerySet[ApiKey], scope: str) -> QuerySet[ApiKey]:
        """Keep the keys that the person made, and all of the teams whose members he manages."""
        theirs = super().visible(request, rows, scope)
        if permissions.is_operator(request):
            return theirs
        managed = permissions.teams(request, Scope.MEMBERS_WRITE)
        return theirs.filter(Q(team__in=managed) | Q(made_by=request.user.pk))

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        """Do not load the digest."""
        return super().get_queryset(request).defer("digest")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Tell the form which scopes the person may give."""
        form = super().get_form(request, obj, change, **kwargs)
        if not permissions.is_operator(request):
            form.held = {
                team.name: members.scopes_of(request.user, team)
                for team in permissions.teams_with(request, Scope.KEYS_WRITE)
            }
        return form

    def get_fieldsets(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        """Show the form's fields for a new key, all columns for an existing one."""
        fields = self.readonly_fields if obj else ("team_name", "granted", "senders")
        return [(None, {"fields": fields})]

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        """Make every field of an existing key read-only."""
        return self.readonly_fields if obj else ()

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Offer one button only, which leads to the page with the token."""
        one = {"show_save_and_add_another": False, "show_save_and_continue": False, **(extra_context or {})}
        return super().add_view(request, form_url, one)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Issue the key; keep its token on the object until it is shown."""
        if change:
            raise PermissionDenied
        asked = form.cleaned_data
        key, obj.token = keys.issue(
            asked["team_name"],
            scopes=asked["granted"],
            from_addresses=asked["senders"],
            made_by=cast(User, request.user),
        )
        obj.__dict__.update({name: value for name, value in key.__dict__.items() if name != "_state"})
        obj._state.adding = False

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the token; it appears in this response only."""
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": "API key made"}
        response = TemplateResponse(
            request, "delivery/key_made.html", {**context, "key": obj, "token": obj.token}
        )
        add_never_cache_headers(response)
        return response

    @base.action(description="Revoke…", icon="block", url_path="revoke")
    @scoped(Scope.KEYS_WRITE)
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for confirmation on GET, revoke on POST."""
        mine = self.rows(request, Scope.KEYS_WRITE).select_related("team")
        key = get_object_or_404(mine, pk=pages.number(object_id))
        back = reverse("admin:delivery_apikey_change", args=[key.pk])
        if request.method != "POST":
            context = {**self.admin_site.each_context(request), "opts": self.opts, "object": key, "key": key}
            shown = {"title": "Revoke API key", "back": back, "waiting": pauses.waiting_of(key).count()}
            return TemplateResponse(request, "delivery/revoke.html", {**context, **shown})
        cancelled = cancelling.revoke(key, cancel=request.POST.get("waiting") == "cancel")
        self.log_change(request, key, f"Revoked. {cancelled} emails that waited were cancelled.")
        messages.success(request, f"The key gm_live_{key.public_id} is revoked. Nobody can use it any more.")
        return HttpResponseRedirect(back)

    @admin.display(description="Key")
    def shown(self, key: ApiKey) -> str:
        """Show the public part."""
        return f"gm_live_{key.public_id}_…"

    @admin.display(description="Scopes")
    def may(self, key: ApiKey) -> str:
        """Show the scopes."""
        return ", ".join(map(str, key.scopes)) or "nothing"

    @admin.display(description="Allowed senders")
    def from_whom(self, key: ApiKey) -> str:
        """Show the allowed senders."""
        return ", ".join(map(str, key.from_addresses)) or "any"

    @base.display(description="State", label={"live": "success", "revoked": "danger"})
    def state(self, key: ApiKey) -> str:
        """Show whether it is live or revoked."""
        return "revoked" if key.revoked_at else "live"

    @admin.display(description="Created")
    def created(self, key: ApiKey) -> SafeString:
        """Show when it was issued."""
        return pages.moment(key.created_at)

    @admin.display(description="Last used")
    def last_used(self, key: ApiKey) -> SafeString | str:
        """Show when it was last used, to the minute."""
        return pages.moment(key.last_used_at) if key.last_used_at else "never"

    @admin.display(description="Revoked")
    def revoked(self, key: ApiKey) -> SafeString | str:
        """Show when it was revoked."""
        return pages.moment(key.revoked_at) if key.revoked_at else "–"


class TeamForm(forms.ModelForm):  # type: ignore[type-arg]
    """The name of a team."""

    name = base.OneLine(max_length=100, widget=base.Line(attrs={"autocomplete": "off"}))

    class Meta:
        model = Team
        fields = ("name",)


@admin.register(Team)
class TeamAdmin(holders.HeldAdmin):
    """Teams can be renamed but not deleted: their emails remain theirs."""

    read_scope, write_scope, team_path = Scope.MEMBERS_READ, OPERATOR, "pk"
    form = TeamForm
    list_display = ("name", "paused", "created")
    actions_detail = ("pause", "limits")
    sortable_by = ()
    search_fields = ("name",)
    fields = ("name",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    @admin.display(description="Created")
    def created(self, team: Team) -> SafeString:
        """Show when it was created."""
        return pages.moment(team.created_at)
