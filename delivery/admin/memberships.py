"""The pages of memberships: who is in which group, or has left it, and coming back."""

from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString

from delivery.access.scopes import Scope
from delivery.admin import base, pages
from delivery.admin.contacts import GroupFilter
from delivery.admin.lists import Endless
from delivery.admin.permissions import scoped
from delivery.mailings import subscribing
from delivery.models import Membership

_UNSUBSCRIBED: Final = Membership.Status.UNSUBSCRIBED
_COLOURS: Final = {"subscribed": "success", "unsubscribed": "warning", "removed": ""}
_BY: Final = {"link": "by a link in an email", "complaint": "by a complaint about an email"}


class AskedForm(forms.Form):
    """That they want it."""

    asked = forms.BooleanField(label="They have asked for it themselves")


@admin.register(Membership)
class MembershipAdmin(Endless, base.ReadOnlyAdmin):
    """Who is in which group, or has been."""

    read_scope, write_scope, team_path = Scope.CONTACTS_READ, Scope.CONTACTS_WRITE, "group__team"
    list_display = ("contact", "group", "state", "when", "by")
    list_filter = (("status", base.ChoicesFilter), GroupFilter)
    list_select_related = ("contact", "group")
    fields = ("contact", "group", "status", "since", "by")
    actions_detail = ("resubscribe",)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Offer to bring back who has unsubscribed, and nobody else."""
        gone = Membership.objects.filter(pk=pages.number(str(object_id)), status=_UNSUBSCRIBED).exists()
        return super().get_actions_detail(request, object_id) if gone else []

    @base.action(description="Subscribe again…", icon="undo", url_path="resubscribe")
    @scoped(Scope.CONTACTS_WRITE)
    def resubscribe(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask on GET whether they want it, bring them back on POST."""
        mine = self.rows(request, Scope.CONTACTS_WRITE).select_related("contact", "group")
        member = get_object_or_404(mine, pk=pages.number(object_id), status=_UNSUBSCRIBED)
        form = AskedForm(request.POST if request.method == "POST" else None)
        back = reverse("admin:delivery_contact_change", args=[member.contact_id])
        if not form.is_valid():
            context = {**self.admin_site.each_context(request), "opts": self.opts, "form": form, "back": back}
            return TemplateResponse(request, "delivery/ask.html", {**context, **_question(member)})
        with transaction.atomic():
            subscribing.resubscribe(member, by="admin")
        messages.success(request, f"{member.contact} gets the mail of {member.group} again.")
        return HttpResponseRedirect(back)

    @base.display(description="Status", label=_COLOURS)
    def state(self, member: Membership) -> str:
        """Show the status."""
        return member.status

    @admin.display(description="Since")
    def when(self, member: Membership) -> SafeString:
        """Show since when."""
        return pages.moment(member.since)


def _question(member: Membership) -> dict[str, Any]:
    left = f"They have unsubscribed on {member.since:%d %b %Y}{f', {_BY[member.by]}' if member.by in _BY else ''}."
    return {
        "title": "Subscribe again",
        "question": f"Send the mail of {member.group} to {member.contact} again?",
        "points": (
            left,
            "Write to nobody who does not want it. Who has brought them back is kept in the audit.",
        ),
        "button": "Subscribe them again",
    }
