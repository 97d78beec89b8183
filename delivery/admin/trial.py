"""The page that sends one email, to see whether mail goes out at all, and by whom."""

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from delivery.access import leaving
from delivery.access.scopes import Scope
from delivery.admin import base, orders, permissions
from delivery.content import addresses
from delivery.content.drafts import Draft
from delivery.models import Email, Team
from delivery.submission import emails, resending

TAG: Final = "test"
_TEXT: Final = "This is a test of GoMail. Whoever gets it can tell that mail goes out."


class Form(forms.Form):
    """Whose mail it is, from whom, to whom."""

    team = forms.ModelChoiceField(
        label="Team", queryset=Team.objects.none(), required=False, empty_label="nobody's", widget=base.Choice
    )
    sender = base.MailboxField(label="From")
    to = base.MailboxField(label="To")
    subject = base.OneLine(
        label="Subject",
        max_length=200,
        initial="Test of GoMail",
        widget=base.Line(attrs={"autocomplete": "off"}),
    )
    text = forms.CharField(
        label="Text", max_length=10_000, initial=_TEXT, widget=base.Lines(attrs={"rows": 5})
    )

    def __init__(self, *args: Any, teams: Sequence[Team], nobodys: bool, **kwargs: Any) -> None:
        """Offer these teams; nobodys: or none."""
        super().__init__(*args, **kwargs)
        field: Any = self.fields["team"]
        field.queryset = Team.objects.filter(pk__in=[team.pk for team in teams]).order_by("name")
        field.required = not nobodys
        self.fields["sender"].initial = settings.DEFAULT_FROM_EMAIL or ""

    def draft(self) -> Draft:
        """Return what the valid form says."""
        given = self.cleaned_data
        return Draft(
            sender=addresses.mailbox(given["sender"]),
            to=(addresses.mailbox(given["to"]),),
            subject=given["subject"],
            text=given["text"],
            tags=(TAG,),
        )


def page(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """Ask on GET, send on POST; the email's page shows what becomes of it."""
    if request.method not in {"GET", "HEAD", "POST"}:
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    teams = permissions.teams_with(request, Scope.EMAILS_SEND)
    given = request.POST if request.method == "POST" else None
    form = Form(given, teams=teams, nobodys=permissions.is_operator(request))
    if request.method == "POST" and form.is_valid() and (email := _sent(request, form)):
        return HttpResponseRedirect(reverse("admin:delivery_email_change", args=[email.pk]))
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": "Send a test",
        "form": form,
        "back": reverse("admin:delivery_email_changelist"),
    }
    return TemplateResponse(request, "delivery/trial.html", context)


def _sent(request: HttpRequest, form: Form) -> Email | None:
    """Accept it; None, and why not, if that is refused."""
    try:
        email = emails.accept(form.draft(), team=form.cleaned_data["team"])
    except (*resending.REFUSALS, leaving.Leaving) as refusal:
        messages.warning(request, orders.why(refusal))
        return None
    messages.success(request, "Accepted. Reload this page to see what becomes of it.")
    return email
