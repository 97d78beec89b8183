"""The page of erasures: people who were forgotten, and the form that forgets another one."""

from typing import Final

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString

from delivery.access.scopes import Scope
from delivery.admin import base, pages
from delivery.admin.lists import Endless
from delivery.admin.permissions import is_operator, scoped, teams_with
from delivery.content.addresses import InvalidAddress
from delivery.erasure import forget, outlook, people, reach
from delivery.erasure.people import Person
from delivery.erasure.reach import Reach
from delivery.models import Erasure

_SECONDS: Final = 5.0  # for which a person waits; then the worker goes on
_EVERYWHERE: Final = "all"
_LABELS = {"done": "success", "waiting": "warning", "running": "info"}


class PersonForm(forms.Form):
    """Who is to be forgotten, and where; the second time the address is typed once more."""

    who = base.OneLine(
        label="Address", max_length=320, widget=base.Line(attrs={"autocomplete": "off", "type": "email"})
    )
    whose = forms.ChoiceField(label="Where", widget=base.Choice)
    again = base.OneLine(required=False, max_length=320)

    def __init__(self, request: HttpRequest) -> None:
        """Offer the teams in which the person may forget people; all of them to the operator."""
        super().__init__(request.POST if request.method == "POST" else None)
        everywhere = [(_EVERYWHERE, "everywhere, in all teams")] if is_operator(request) else []
        teams = [(str(team.pk), f"in {team}") for team in teams_with(request, Scope.ERASURE_WRITE)]
        self.fields["whose"].choices = [*everywhere, *teams]  # type: ignore[attr-defined]

    def clean_who(self) -> Person:
        """Return the person."""
        try:
            return people.find(self.cleaned_data["who"])
        except (InvalidAddress, people.NoKeys) as error:
            raise forms.ValidationError(str(error)) from error

    def reach(self) -> Reach:
        """Return how far the valid form reaches."""
        whose = self.cleaned_data["whose"]
        return reach.EVERYWHERE if whose == _EVERYWHERE else Reach(team_id=int(whose))


@admin.register(Erasure)
class ErasureAdmin(Endless, base.ReadOnlyAdmin):
    """Each row proves one; nobody changes or deletes one."""

    read_scope, write_scope = Scope.ERASURE_WRITE, Scope.ERASURE_WRITE
    team_path = "team"
    list_display = ("digest", "shown_state", "whose", "by", "asked", "finished")
    list_filter = (("team", base.TeamFilter),)
    list_select_related = ("team",)
    actions_list = ("forget",)
    fields = readonly_fields = (
        *("digest", "shown_state", "waits_for", "whose", "by", "asked", "finished", "erased"),
    )

    @base.action(description="Forget a person…", icon="person_remove", url_path="forget")
    @scoped(Scope.ERASURE_WRITE)
    def forget(self, request: HttpRequest) -> HttpResponse:
        """Ask who on GET; say what would go and ask for the address once more, or do it, on POST."""
        form = PersonForm(request)
        valid = request.method == "POST" and form.is_valid()
        if valid and form.cleaned_data["who"].is_named(form.cleaned_data["again"]):
            return self._forget(request, form.cleaned_data["who"], form.reach())
        context = {"form": form, "title": "Forget a person", "opts": self.opts, "back": _list()}
        if valid:
            said = outlook.sentences(outlook.of(form.cleaned_data["who"], form.reach()))
            context |= {
                "said": said,
                "person": form.cleaned_data["who"].address,
                "wrong": bool(form["again"].value()),
            }
        return TemplateResponse(
            request, "delivery/forget.html", {**self.admin_site.each_context(request), **context}
        )

    def _forget(self, request: HttpRequest, person: Person, far: Reach) -> HttpResponse:
        row = forget.start(person, far, by=request.user.get_username())
        row = forget.run(row, seconds=_SECONDS)
        if row.finished_at:
            messages.success(request, f"Forgotten: {row.digest}")
        else:
            messages.warning(request, f"It goes on in the background. {row.waits_for}")
        return HttpResponseRedirect(reverse("admin:delivery_erasure_change", args=[row.pk]))

    @base.display(description="State", label=_LABELS)
    def shown_state(self, row: Erasure) -> str:
        """Show how far it is."""
        return row.state

    @admin.display(description="Where")
    def whose(self, row: Erasure) -> str:
        """Show the team."""
        if row.everywhere:
            return "everywhere"
        return f"in {row.team}" if row.team else "in what is nobody's"

    @admin.display(description="Asked for")
    def asked(self, row: Erasure) -> SafeString:
        """Show when it was asked for."""
        return pages.moment(row.at)

    @admin.display(description="Done")
    def finished(self, row: Erasure) -> SafeString | str:
        """Show when it was done."""
        return pages.moment(row.finished_at) if row.finished_at else "–"

    @admin.display(description="What was erased")
    def erased(self, row: Erasure) -> str:
        """Show the counts in words."""
        parts = [
            f"{name.replace('_', ' ')}: {count:,}" for name, count in sorted(row.counts.items()) if count
        ]
        return " · ".join(parts) or "nothing was found"


def _list() -> str:
    return reverse("admin:delivery_erasure_changelist")
