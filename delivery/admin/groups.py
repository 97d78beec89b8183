"""The admin's pages of groups."""

from typing import Any, Final

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from delivery.admin import base
from delivery.admin.contacts import AudienceAdmin
from delivery.admin.names import Name
from delivery.audience import groups
from delivery.models import Group, Membership, Signature

_FIELDS: Final = ("team", "name", "from_address", "reply_to", "signature", "unsubscribe")


class GroupForm(base.OfTeams):
    """The form of a group."""

    name = Name(max_length=100)
    from_address = base.MailboxField(
        label="From", required=False, help_text="The sender of mailings that name none of their own."
    )
    reply_to = base.MailboxField(
        label="Reply to", required=False, help_text="Empty: answers go to the sender."
    )
    signature = forms.ModelChoiceField(
        queryset=Signature.objects.none(), required=False, empty_label="the one that matches"
    )

    class Meta:
        model = Group
        fields = _FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer the signatures of the group's team; a new group has no team yet, and no signature."""
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            del self.fields["signature"]
        else:
            field: Any = self.fields["signature"]
            field.queryset = Signature.objects.filter(team=self.instance.team_id).order_by("name")

    def clean(self) -> dict[str, Any]:
        """Refuse a name that the team has."""
        cleaned: dict[str, Any] = super().clean() or {}
        team = cleaned.get("team", self.instance.team)
        if groups.of(team).filter(name=cleaned.get("name")).exclude(pk=self.instance.pk).exists():
            self.add_error("name", "There is a group of this name already.")
        if not self.instance._state.adding and groups.is_mailed(self.instance):
            self._refuse_unconfirmed()
        return cleaned

    def _refuse_unconfirmed(self) -> None:
        for name in {name.removesuffix("_id") for name in groups.CONFIRMED} & set(self.changed_data):
            self.add_error(
                name, "A mailing to this group was started with this; it stays until that is over."
            )


@admin.register(Group)
class GroupAdmin(AudienceAdmin):
    """Groups: made, changed, and how many are in each."""

    form = GroupForm
    list_display = ("name", "members", "from_address", "team", "created")
    list_filter = (("team", base.TeamFilter),)
    list_select_related = ("team",)
    search_fields = ("name",)
    search_help_text = "A part of the name"

    def get_fields(self, request: HttpRequest, obj: Group | None = None) -> Any:
        """Leave out what a new group has not."""
        return [*_FIELDS, "in_it"] if obj else [name for name in _FIELDS if name != "signature"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show what the form does not change of a group that there is."""
        return (*super().get_readonly_fields(request, obj), *(("in_it",) if obj else ()))

    def save_model(self, request: HttpRequest, obj: Group, form: Any, change: bool) -> None:
        """Make or change it as the API does."""
        given = {name: form.cleaned_data[name] for name in form.cleaned_data if name != "team"}
        if change:
            self._change(obj, given)
            return
        made = groups.create(form.cleaned_data["team"], **given)
        obj.__dict__.update({name: value for name, value in made.__dict__.items() if name != "_state"})
        obj._state.adding = False

    def _change(self, obj: Group, given: dict[str, Any]) -> None:
        try:
            with transaction.atomic():
                groups.change(Group.objects.get(pk=obj.pk), **given)
        except groups.InUse as error:
            raise PermissionDenied("A mailing to this group has been started meanwhile.") from error

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        """Delete it as the API does; not while a file is on its way into it."""
        try:
            with transaction.atomic():
                groups.delete(obj)
        except groups.InUse as error:
            raise PermissionDenied("A file is on its way into this group, or a mailing to it.") from error

    @admin.display(description="Subscribed")
    def members(self, group: Group) -> str:
        """Show how many get its mail."""
        return f"{group.memberships.filter(status=Membership.Status.SUBSCRIBED).count():,}"

    @admin.display(description="Subscribed")
    def in_it(self, group: Group) -> SafeString:
        """Show how many get its mail, and the way to all of them."""
        where = reverse("admin:delivery_membership_changelist", query={"in_group": group.pk})
        return format_html('<a class="gm-link" href="{}">{}</a>', where, self.members(group))
