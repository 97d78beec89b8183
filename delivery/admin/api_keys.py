"""Pages of API keys: issued, shown once, rotated, paused and revoked; nothing is deleted."""

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from delivery.access import key_changes, key_use, keys, members, pauses, scopes
from delivery.access.scopes import Scope
from delivery.admin import base, holders, key_forms, pages, permissions, snippets
from delivery.admin.permissions import scoped
from delivery.mailings import revoking
from delivery.models import ApiKey

_STATES = {"live": "success", "paused": "warning", "ends": "info", "expired": "danger", "revoked": "danger"}


@admin.register(ApiKey)
class ApiKeyAdmin(holders.HeldAdmin, base.ReadOnlyAdmin):
    """API keys: issued here or by manage.py create_api_key, shown once, then rotated or revoked."""

    read_scope, write_scope, team_path = Scope.KEYS_READ, Scope.KEYS_WRITE, "team"
    form = key_forms.KeyForm
    change_form_outer_after_template = "delivery/key_use.html"
    list_display = ("shown", "called", "team", "may", "state", "last_used", "created")
    list_select_related = ("team", "successor")
    sortable_by = ()
    search_fields = ("public_id", "name", "team__name")
    search_help_text = "A team, a name or the public part of a key"
    actions_row = ("rotate", "revoke")
    actions_detail = ("edit", "rotate", "revoke", "pause", "limits")
    readonly_fields = (
        *("shown", "called", "remark", "team", "may", "from_whom", "from_where", "state", "expires"),
        *("paused", "successors", "created", "maker", "last_used", "use", "revoked"),
    )
    asked_for = ("team_name", "called", "remark", "granted", "senders", "places", "days")

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
        return [(None, {"fields": self.readonly_fields if obj else self.asked_for})]

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        """Make every field of an existing key read-only."""
        return self.readonly_fields if obj else ()

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Offer one button only, which leads to the page with the token."""
        one = {"show_save_and_add_another": False, "show_save_and_continue": False, **(extra_context or {})}
        return super().add_view(request, form_url, one)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        """Add the programs that send with an existing key, if it may send."""
        key = kwargs.get("obj")
        if key and key.may_be_used() and key.may(Scope.EMAILS_SEND):
            context = {**context, "snippets": snippets.of_key(request, key)}
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Issue the key; keep its token on the object until it is shown."""
        if change:
            raise PermissionDenied
        team = form.cleaned_data["team_name"]
        key, obj.token = keys.issue(team, made_by=cast(User, request.user), of_person=True, **form.rights())
        obj.__dict__.update({name: value for name, value in key.__dict__.items() if name != "_state"})
        obj._state.adding = False

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the token; it appears in this response only."""
        return self._token(request, obj, obj.token, title="API key made")

    @base.action(description="Change…", icon="edit", url_path="edit")
    @scoped(Scope.KEYS_WRITE)
    def edit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show name, note, senders, networks and the last day on GET, change them on POST."""
        key = self._mine(request, object_id)
        if beyond := self._beyond(request, key):
            messages.error(request, beyond)
            return HttpResponseRedirect(self._back(key))
        form = key_forms.ChangeForm(key, request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return self._page(
                request, key, "delivery/key_change.html", {"form": form, "title": "Change API key"}
            )
        key_changes.change(key, None, form.changes())
        self.log_change(request, key, "Changed what it may.")
        messages.success(request, f"The key gm_live_{key.public_id} is changed within a second.")
        return HttpResponseRedirect(self._back(key))

    @base.action(description="Rotate…", icon="autorenew", url_path="rotate")
    @scoped(Scope.KEYS_WRITE)
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for how long the old key still works on GET; make its successor on POST, and show its token."""
        key = self._mine(request, object_id)
        form = key_forms.RotationForm(request.POST if request.method == "POST" else None)
        problem = self._problem(request, key)
        if problem or not form.is_valid():
            context = {
                "form": form,
                "problem": problem,
                "overlaps": key_forms.OVERLAPS,
                "title": "Rotate API key",
            }
            return self._page(request, key, "delivery/rotate.html", {**context, "key": key})
        made, token = key_changes.rotate(key, overlap=form.overlap_is())
        self.log_change(request, key, f"Rotated; its successor is gm_live_{made.public_id}.")
        return self._token(request, made, token, title="The successor", old=key)

    @base.action(description="Revoke…", icon="block", url_path="revoke")
    @scoped(Scope.KEYS_WRITE)
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask what becomes of what waits on GET, revoke on POST."""
        key = self._mine(request, object_id)
        if request.method != "POST":
            waits = {"waiting": pauses.waiting_of(key).count(), "mailings": revoking.mailings(key)}
            context = {"key": key, "title": "Revoke API key", **waits}
            return self._page(request, key, "delivery/revoke.html", context)
        cancel = request.POST.get("waiting") == "cancel"
        emails, mailings = revoking.revoke(key, cancel=cancel)
        what = f"{emails:,} emails that waited" + (f" and {mailings:,} mailings" if mailings else "")
        became = f"{what} are {'cancelled' if cancel else 'sent all the same'}."
        self.log_change(request, key, f"Revoked. {became}")
        said = f"The key gm_live_{key.public_id} is revoked. Nobody can use it any more."
        messages.success(request, f"{said} {became}" if emails or mailings else said)
        return HttpResponseRedirect(self._back(key))

    def _mine(self, request: HttpRequest, object_id: str) -> ApiKey:
        mine = self.rows(request, Scope.KEYS_WRITE).select_related("team", "successor")
        found: ApiKey = get_object_or_404(mine, pk=pages.number(object_id))
        return found

    def _problem(self, request: HttpRequest, key: ApiKey) -> str:
        """Return why the key has no successor now; a successor's token would be the person's own."""
        if not key.may_be_used() or hasattr(key, "successor"):
            return str(key_changes.NotLive.__doc__)
        return self._beyond(request, key)

    def _beyond(self, request: HttpRequest, key: ApiKey) -> str:
        """Return what the key may and the person may not: whoever has lost rights widens no key that has them."""
        if permissions.is_operator(request):
            return ""
        more = sorted(scopes.expand(key.scopes) - members.scopes_of(request.user, key.team))
        return f"The key has scopes that you do not have: {', '.join(more)}." if more else ""

    def _token(self, request: HttpRequest, key: ApiKey, token: str, **more: Any) -> HttpResponse:
        shown = {"key": key, "token": token, "snippets": snippets.of_key(request, key), **more}
        context = {**self.admin_site.each_context(request), "opts": self.opts, **shown}
        response = TemplateResponse(request, "delivery/key_made.html", context)
        add_never_cache_headers(response)
        return response

    @admin.display(description="Key")
    def shown(self, key: ApiKey) -> str:
        """Show the public part."""
        return f"gm_live_{key.public_id}_…"

    @admin.display(description="Name")
    def called(self, key: ApiKey) -> str:
        """Show the name."""
        return key.name or "–"

    @admin.display(description="Note")
    def remark(self, key: ApiKey) -> str:
        """Show the note."""
        return key.note or "–"

    @admin.display(description="Scopes")
    def may(self, key: ApiKey) -> str:
        """Show the scopes."""
        return ", ".join(map(str, key.scopes)) or "nothing"

    @admin.display(description="Allowed senders")
    def from_whom(self, key: ApiKey) -> str:
        """Show the allowed senders."""
        return ", ".join(map(str, key.from_addresses)) or "any"

    @admin.display(description="Networks")
    def from_where(self, key: ApiKey) -> str:
        """Show from where it may be used."""
        return ", ".join(map(str, key.networks or ())) or "anywhere"

    @base.display(description="State", label=_STATES)
    def state(self, key: ApiKey) -> str:
        """Show whether it can be used."""
        if key.revoked_at or key.has_expired():
            return "revoked" if key.revoked_at else "expired"
        if key.paused_at:
            return "paused"
        return "ends" if hasattr(key, "successor") else "live"

    @admin.display(description="Expires")
    def expires(self, key: ApiKey) -> SafeString | str:
        """Show its last moment."""
        return pages.moment(key.expires_at) if key.expires_at else "never"

    @admin.display(description="Rotated")
    def successors(self, key: ApiKey) -> SafeString | str:
        """Show what it is the successor of, and what follows it."""
        known = [("successor of", key.successor_of), ("its successor is", getattr(key, "successor", None))]
        rows = [(word, _page_of(one), one.public_id) for word, one in known if one]
        return format_html_join("; ", '{} <a class="gm-link" href="{}">gm_live_{}</a>', rows) or "–"

    @admin.display(description="Created")
    def created(self, key: ApiKey) -> SafeString:
        """Show when it was issued."""
        return pages.moment(key.created_at)

    @admin.display(description="Made by")
    def maker(self, key: ApiKey) -> SafeString | str:
        """Show who made it."""
        if key.made_with:
            link = 'the key <a class="gm-link" href="{}">gm_live_{}</a>'
            return format_html(link, _page_of(key.made_with), key.made_with.public_id)
        return (
            str(key.made_by) if key.made_by else "somebody who is gone" if key.of_person else "at the shell"
        )

    @admin.display(description="Last used")
    def last_used(self, key: ApiKey) -> SafeString | str:
        """Show when it was last used, to the minute."""
        return pages.moment(key.last_used_at) if key.last_used_at else "never"

    @admin.display(description="Requests a day")
    def use(self, key: ApiKey) -> SafeString | str:
        """Show how many came on each of the last days on which it was used."""
        rows = [(f"{one.day:%d %b}", f"{one.requests:,}") for one in key_use.days(key, 14)]
        return format_html_join("", '<span class="gm-tag gm-nowrap">{} · {}</span> ', rows) or "–"

    @admin.display(description="Revoked")
    def revoked(self, key: ApiKey) -> SafeString | str:
        """Show when it was revoked."""
        return pages.moment(key.revoked_at) if key.revoked_at else "–"


def _page_of(key: ApiKey) -> str:
    return reverse("admin:delivery_apikey_change", args=[key.pk])
