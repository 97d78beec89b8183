"""The pages of contacts, and what those of groups share with them."""

from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from delivery.access.scopes import Scope
from delivery.admin import base, pages, permissions
from delivery.admin.lists import Endless
from delivery.admin.permissions import scoped
from delivery.audience import contacts, exports
from delivery.audience.questions import NotTaken
from delivery.content import addresses
from delivery.models import Contact, Group, MailingRecipient, Membership

_LONGEST_SHOWN: Final = 50
_MOST_SHOWN: Final = 20  # groups on the page of a contact
_TIMES: Final = ("created", "changed")
_IN_GROUP: Final = '<span class="gm-line"><a class="gm-link" href="{}">{}</a> {}</span>'
_MOST_OFFERED: Final = 100  # groups to filter by


class GroupFilter(base.Filter):  # type: ignore[misc]
    """Filter by group; offers those that the person sees, the newest hundred."""

    title, parameter_name = "group", "in_group"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer them."""
        mine = permissions.visible(request, Group.objects.all(), Scope.CONTACTS_READ)
        offered = {str(group.pk): group.name for group in mine.order_by("-id")[:_MOST_OFFERED]}
        return [*offered.items(), *self._older(request, mine, offered)]

    def _older(
        self, request: HttpRequest, mine: QuerySet[Group], offered: dict[str, str]
    ) -> list[tuple[str, str]]:
        """Return an older group that a link has chosen."""
        try:
            chosen = UUID(request.GET.get(self.parameter_name or "", ""))
        except ValueError:
            return []
        found = mine.filter(pk=chosen).exclude(pk__in=offered)
        return [(str(group.pk), group.name) for group in found]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep who is, or was, in the chosen one; other values are ignored."""
        chosen = self.value()
        if chosen not in [value for value, _ in self.lookup_choices]:
            return queryset
        path = "group" if queryset.model is Membership else "memberships__group"
        return queryset.filter(**{path: chosen})


class ContactForm(base.OfTeams):
    """The form of a contact."""

    email = base.OneLine(
        label="Address", max_length=320, widget=base.Line(attrs={"type": "email", "autocomplete": "off"})
    )

    class Meta:
        model = Contact
        fields = ("team", "email", "first_name", "last_name", "name", "locale", "data")

    def clean_email(self) -> str:
        """Return the address with its domain as A-labels."""
        try:
            return addresses.bare(self.cleaned_data["email"].strip())
        except addresses.InvalidAddress as error:
            raise forms.ValidationError(str(error)) from error

    def clean_data(self) -> dict[str, Any]:
        """Require an object."""
        given = self.cleaned_data["data"] or {}
        if not isinstance(given, dict):
            raise forms.ValidationError('Write an object, such as {"city": "Wien"}.')
        return given

    def clean(self) -> dict[str, Any]:
        """Refuse an address that the team has."""
        cleaned: dict[str, Any] = super().clean() or {}
        team = cleaned.get("team", self.instance.team)
        if (
            "email" in cleaned
            and contacts.named(team, cleaned["email"]).exclude(pk=self.instance.pk).exists()
        ):
            self.add_error("email", "There is a contact with this address already.")
        return cleaned


class AudienceAdmin(Endless, base.ModelAdmin):
    """A page that is fast at any size."""

    read_scope, write_scope, team_path = Scope.CONTACTS_READ, Scope.CONTACTS_WRITE, "team"
    actions = None

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave everything to the team that it was made for."""
        return (*self.readonly_fields, "team") if obj else self.readonly_fields

    @admin.display(description="Created")
    def created(self, row: Any) -> SafeString:
        """Show when it was made."""
        return pages.moment(row.created_at)


@admin.register(Contact)
class ContactAdmin(AudienceAdmin):
    """Contacts: entered, changed, found by address, and the groups that they are in."""

    form = ContactForm
    list_display = ("shown", "called", "known", "team", "created")
    list_filter = (("team", base.TeamFilter), GroupFilter)
    list_select_related = ("team",)
    search_fields = ("email",)  # only shows the search box; get_search_results does the search
    search_help_text = "A whole address, or its beginning"
    actions_list = ("export",)

    def get_fieldsets(self, request: HttpRequest, obj: Contact | None = None) -> Any:
        """Show the groups of a contact that there is."""
        asked = ("team", "email", "first_name", "last_name", "name", "locale", "data")
        return [(None, {"fields": (*asked, *(self._told(request, obj) if obj else ()))})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show what the form does not change of a contact that there is."""
        return (*super().get_readonly_fields(request, obj), *self._told(request, obj)) if obj else ()

    def _told(self, request: HttpRequest, contact: Contact) -> tuple[str, ...]:
        """Return what is told of a contact; the mailings to those who may read them."""
        mine = self.visible(request, Contact.objects.filter(pk=contact.pk), Scope.MAILINGS_READ)
        return ("in_groups", "in_mailings", *_TIMES) if mine.exists() else ("in_groups", *_TIMES)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Contact], search_term: str
    ) -> tuple[QuerySet[Contact], bool]:
        """Search the beginning of addresses, along their index."""
        return contacts.searched(queryset, search_term), False

    def save_model(self, request: HttpRequest, obj: Contact, form: Any, change: bool) -> None:
        """Make or change it as the API does."""
        given = {name: form.cleaned_data[name] for name in contacts.FIELDS if name in form.cleaned_data}
        if change:
            contacts.change(obj, **{name: given[name] for name in form.changed_data if name in given})
            return
        made = contacts.create(form.cleaned_data["team"], **given)
        obj.__dict__.update({name: value for name, value in made.__dict__.items() if name != "_state"})
        obj._state.adding = False

    def delete_model(self, request: HttpRequest, obj: Contact) -> None:
        """Delete it as the API does."""
        with transaction.atomic():
            contacts.delete(obj)

    @base.action(description="Export for a spreadsheet", icon="download", url_path="export")
    @scoped(Scope.CONTACTS_READ)
    def export(self, request: HttpRequest) -> HttpResponseBase:
        """Return all contacts as a file that computes nothing, and that can be imported again."""
        rows = self.rows(request, Scope.CONTACTS_READ)
        try:
            lines = exports.contacts(rows, for_spreadsheet=True, delimiter=";")
        except NotTaken as refusal:
            messages.warning(request, str(refusal))
            return HttpResponseRedirect(reverse("admin:delivery_contact_changelist"))
        response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = 'attachment; filename="contacts.csv"'
        return response

    @admin.display(description="Address")
    def shown(self, contact: Contact) -> str:
        """Show the address, the longest in part."""
        return Truncator(contact.email).chars(_LONGEST_SHOWN)

    @admin.display(description="Name")
    def called(self, contact: Contact) -> str:
        """Show the name, whole or in two parts."""
        name = contact.name or f"{contact.first_name} {contact.last_name}".strip()
        return Truncator(name).chars(_LONGEST_SHOWN) or "–"

    @admin.display(description="Known")
    def known(self, contact: Contact) -> str:
        """Show what is known beside the name."""
        return (
            Truncator(", ".join(f"{name}: {value}" for name, value in contact.data.items())).chars(60) or "–"
        )

    @admin.display(description="Groups")
    def in_groups(self, contact: Contact) -> SafeString | str:
        """Show the groups, and the status in each; who has left one may be brought back there."""
        found = contact.memberships.select_related("group").order_by("-id")[:_MOST_SHOWN]
        return format_html_join("", _IN_GROUP, (_in_group(one) for one in found)) or "none"

    @admin.display(description="Mailings")
    def in_mailings(self, contact: Contact) -> SafeString | str:
        """Show the newest mailings that were to go to them, and what became of each."""
        rows = MailingRecipient.objects.filter(contact=contact, mailing__started_at__isnull=False)
        found = rows.select_related("mailing").order_by("-id")[:_MOST_SHOWN]
        return format_html_join("", _IN_GROUP, (_in_mailing(one) for one in found)) or "none"

    @admin.display(description="Changed")
    def changed(self, contact: Contact) -> SafeString:
        """Show when it was changed last."""
        return pages.moment(contact.changed_at)


def _in_mailing(row: MailingRecipient) -> tuple[str, str, str]:
    place = reverse("admin:delivery_mailing_change", args=[row.mailing_id])
    return place, row.mailing.name, f"{row.state} {row.at:%d %b %Y}" if row.at else row.state


def _in_group(member: Membership) -> tuple[str, str, str]:
    place = reverse("admin:delivery_membership_change", args=[member.pk])
    return place, member.group.name, member.get_status_display()
