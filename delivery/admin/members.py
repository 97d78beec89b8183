"""Pages of a team's people: who belongs to it with which role, and who is invited."""

from collections.abc import Callable
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.safestring import SafeString

from delivery.access import leaving, members
from delivery.access.scopes import Role, Scope
from delivery.admin import base, pages
from delivery.admin.permissions import scoped
from delivery.content import addresses
from delivery.models import Invitation, Member

_COLOURS = {"owner": "success", "admin": "success", "developer": "info", "support": "info", "viewer": ""}


class RoleForm(forms.Form):
    """Another role for a member."""

    role = forms.ChoiceField(choices=Role.choices, widget=base.Choice)


class InvitationForm(base.OfTeams):
    """Who is invited to what."""

    by: ClassVar[Any] = None  # whoever fills it in; set for each request, on a class of its own
    who = base.OneLine(
        label="Address",
        max_length=320,
        widget=base.Line(attrs={"autocomplete": "off", "type": "email"}),
        help_text="Whoever accepts must have this address.",
    )
    given = forms.ChoiceField(label="Role", choices=Role.choices, initial=Role.SUPPORT, widget=base.Choice)

    class Meta:
        model = Invitation
        fields = ("team",)

    def clean_who(self) -> str:
        """Return the address as it is compared."""
        try:
            return addresses.canonical(addresses.bare(self.cleaned_data["who"].strip()))
        except addresses.InvalidAddress as error:
            raise forms.ValidationError(str(error)) from error

    def clean(self) -> dict[str, Any]:
        """Make the invitation, which may be refused."""
        cleaned: dict[str, Any] = super().clean() or {}
        if {"team", "who", "given"} <= cleaned.keys():
            try:
                asked = (cleaned["team"], cleaned["who"], cleaned["given"])
                self.made, self.token = members.invite(*asked, by=self.by)
            except (members.Refused, leaving.Leaving) as refusal:
                raise forms.ValidationError(str(refusal)) from refusal
        return cleaned


@admin.register(Invitation)
class InvitationAdmin(base.ReadOnlyAdmin):
    """Invitations: made here, their link shown once, and withdrawn."""

    read_scope, write_scope, team_path = Scope.MEMBERS_READ, Scope.MEMBERS_WRITE, "team"
    form = InvitationForm
    list_display = ("email", "team", "what", "state", "invited_by", "until")
    list_filter = (("team", base.TeamFilter),)
    list_select_related = ("team",)
    sortable_by = ()
    actions_row = ("withdraw",)
    actions_detail = ("withdraw",)
    readonly_fields = ("email", "team", "what", "state", "invited_by", "until")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Require the scope, which ReadOnlyAdmin ignores."""
        return self.permits(request, self.write_scope)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Tell the form who invites."""
        form = super().get_form(request, obj, change, **kwargs)
        form.by = request.user
        return form

    def get_fieldsets(self, request: HttpRequest, obj: Invitation | None = None) -> Any:
        """Show the form's fields for a new one, all columns of an existing one."""
        return [(None, {"fields": self.readonly_fields if obj else ("team", "who", "given")})]

    def get_readonly_fields(self, request: HttpRequest, obj: Invitation | None = None) -> Any:
        """Make every field of an existing one read-only."""
        return self.readonly_fields if obj else ()

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Offer one button only, which leads to the page with the link."""
        one = {"show_save_and_add_another": False, "show_save_and_continue": False, **(extra_context or {})}
        return super().add_view(request, form_url, one)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Keep the link on the object until it is shown."""
        if change:
            raise PermissionDenied
        obj.__dict__.update({name: value for name, value in vars(form.made).items() if name != "_state"})
        obj._state.adding, obj.token = False, form.token

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the link; it appears in this response only."""
        link = request.build_absolute_uri(members.path(obj.token))
        shown = {"opts": self.opts, "title": "Invited", "invitation": obj, "link": link}
        response = TemplateResponse(
            request, "delivery/invited.html", {**self.admin_site.each_context(request), **shown}
        )
        add_never_cache_headers(response)
        return response

    @base.action(description="Withdraw", icon="undo", url_path="withdraw")
    @scoped(Scope.MEMBERS_WRITE)
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for confirmation on GET, withdraw on POST."""
        mine = self.rows(request, Scope.MEMBERS_WRITE).select_related("team")
        row = get_object_or_404(mine, pk=pages.number(object_id))
        back = reverse("admin:delivery_invitation_changelist")
        if request.method == "POST":
            members.withdraw(row)
            messages.success(
                request, f"The invitation of {row.email} is void, unless it was accepted before."
            )
            return HttpResponseRedirect(back)
        asked = {"question": f"Withdraw the invitation of {row.email}?", "button": "Withdraw it"}
        return _asked(self, request, row, back, **asked)

    @base.display(description="Role", label=_COLOURS)
    def what(self, row: Invitation) -> str:
        """Show the role."""
        return str(row.role)

    @base.display(description="State", label={"open": "info", "accepted": "success", "expired": ""})
    def state(self, row: Invitation) -> str:
        """Show what became of it."""
        if row.accepted_at:
            return "accepted"
        return "open" if row.is_open() else "expired"

    @admin.display(description="Valid until")
    def until(self, row: Invitation) -> SafeString:
        """Show when it ends."""
        return pages.moment(row.expires_at)


@admin.register(Member)
class MemberAdmin(base.ReadOnlyAdmin):
    """Members: they come by invitation; here they get another role, or are removed."""

    read_scope, write_scope, team_path = Scope.MEMBERS_READ, Scope.MEMBERS_WRITE, "team"
    list_display = ("who", "email", "team", "what", "since")
    list_filter = (("team", base.TeamFilter), ("role", base.ChoicesFilter))
    list_select_related = ("team", "user")
    sortable_by = ()
    search_fields = ("user__username", "user__email")
    actions_row = ("change_role",)
    actions_detail = ("change_role", "hand_over", "remove")
    fields = readonly_fields = ("who", "email", "team", "what", "since")

    @base.action(description="Role…", icon="badge", url_path="role")
    @scoped(Scope.MEMBERS_WRITE)
    def change_role(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the role on GET, give it on POST."""
        member = self._member(request, object_id)
        form = RoleForm(request.POST or None, initial={"role": member.role})
        return self._ordered(
            request,
            member,
            lambda: members.change_role(member, form.cleaned_data["role"], _person(request)),
            said=lambda: f"{member.user} is {member.role} from now on.",
            form=form,
            question=f"What is {member.user} in {member.team}?",
            button="Change the role",
        )

    @base.action(description="Remove…", icon="person_remove", url_path="remove")
    @scoped(Scope.MEMBERS_WRITE)
    def remove(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for confirmation on GET, remove on POST."""
        member = self._member(request, object_id)
        return self._ordered(
            request,
            member,
            lambda: members.remove(member, _person(request)),
            said=lambda: f"{member.user} does not belong to {member.team} any more.",
            question=f"Remove {member.user} from {member.team}?",
            points=["API keys that the person has made go on working: look at them."],
            button="Remove",
        )

    @base.action(description="Hand the team over…", icon="key_vertical", url_path="hand-over")
    @scoped(Scope.MEMBERS_WRITE)
    def hand_over(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for confirmation on GET, make the member the owner on POST."""
        member = self._member(request, object_id)
        return self._ordered(
            request,
            member,
            lambda: members.transfer(member, _person(request)),
            said=lambda: f"{member.user} owns {member.team} from now on.",
            question=f"Hand {member.team} over to {member.user}?",
            points=["Only an owner can do this, and is an admin of the team afterwards."],
            button="Hand it over",
        )

    def _member(self, request: HttpRequest, object_id: str) -> Member:
        mine: QuerySet[Member] = self.rows(request, Scope.MEMBERS_WRITE).select_related("team", "user")
        return get_object_or_404(mine, pk=pages.number(object_id))

    def _ordered(
        self,
        request: HttpRequest,
        member: Member,
        act: Callable[[], None],
        *,
        said: Callable[[], str],
        form: forms.Form | None = None,
        **asked: Any,
    ) -> HttpResponse:
        """Ask on GET, do it on POST and say so, or why not."""
        if request.method != "POST" or (form and not form.is_valid()):
            return _asked(self, request, member, self._page(member), form=form, **asked)
        try:
            act()
        except members.Refused as refusal:
            messages.error(request, str(refusal))
            return HttpResponseRedirect(self._page(member))
        messages.success(request, said())
        return HttpResponseRedirect(reverse("admin:delivery_member_changelist"))

    def _page(self, member: Member) -> str:
        return reverse("admin:delivery_member_change", args=[member.pk])

    @admin.display(description="Person")
    def who(self, member: Member) -> str:
        """Show the name."""
        return str(member.user)

    @admin.display(description="Address", empty_value="–")
    def email(self, member: Member) -> str:
        """Show the address."""
        return member.user.email

    @base.display(description="Role", label=_COLOURS)
    def what(self, member: Member) -> str:
        """Show the role."""
        return str(member.role)

    @admin.display(description="Since")
    def since(self, member: Member) -> SafeString:
        """Show when the person joined."""
        return pages.moment(member.created_at)


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)


def _asked(page: Any, request: HttpRequest, row: Any, back: str, **asked: Any) -> HttpResponse:
    context = {**page.admin_site.each_context(request), "opts": page.opts, "object": row, "back": back}
    return TemplateResponse(request, "delivery/ask.html", {**context, "title": asked["button"], **asked})
