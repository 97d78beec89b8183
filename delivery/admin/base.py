"""The base of all admin pages. Only this module imports the theme, so plain Django can replace it in one edit."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django import forms
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import PermissionDenied, SuspiciousOperation, ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.text import capfirst
from unfold.contrib.filters.admin import ChoicesDropdownFilter as ChoicesFilter
from unfold.contrib.filters.admin import DropdownFilter as Filter
from unfold.contrib.filters.admin import RangeDateFilter as DateFilter
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.paginator import InfinitePaginator
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from delivery.admin import absurd, permissions
from delivery.content import addresses, headers
from delivery.models import Team

if TYPE_CHECKING:  # the theme has no types
    from django.contrib import admin

    Method = TypeVar("Method", bound=Callable[..., Any])

    class ThemedAdmin(admin.ModelAdmin[Any]):
        """Django's, with the theme's buttons."""

        def get_actions_list(self, request: HttpRequest) -> list[Any]:
            """Return the buttons of a list."""

        def get_actions_row(self, request: HttpRequest) -> list[Any]:
            """Return the buttons of a row."""

        def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
            """Return the buttons of a page."""

    def action(**options: Any) -> Callable[[Method], Method]:
        """Turn a method into a button."""

    def display(**options: Any) -> Callable[[Method], Method]:
        """Turn a method into a column."""
else:
    from unfold.admin import ModelAdmin as ThemedAdmin
    from unfold.decorators import action, display

__all__ = [
    "Checkboxes",
    "Choice",
    "ChoicesFilter",
    "DateFilter",
    "EndlessPaginator",
    "Filter",
    "Line",
    "Lines",
    "MailboxField",
    "ModelAdmin",
    "OfTeams",
    "OneLine",
    "ReadOnlyAdmin",
    "TeamFilter",
    "action",
    "display",
]

Choice = UnfoldAdminSelectWidget
EndlessPaginator = InfinitePaginator  # needs no COUNT query
Checkboxes = UnfoldAdminCheckboxSelectMultipleWidget
Lines, Line = UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

# That the theme's filters make of their names.
_LOOKUPS = ("", "__exact", "__id__exact", "__in", "_from", "_to")
# Label colours by status of emails and recipients, outcome of attempts, and state of circuits.
COLOURS = {
    "sent": "success",
    "accepted": "success",
    "delivered": "success",
    "deferred": "warning",
    "different": "warning",  # its recipients' statuses
    "bounced": "danger",
    "complained": "danger",
    "scheduled": "info",
    "queued": "info",
    "pending": "info",
    "sending": "info",
    "started": "info",
    "unknown": "warning",
    "partial": "warning",
    "suppressed": "warning",
    "quarantined": "danger",
    "refused_temporarily": "warning",
    "not_sent": "warning",
    "failed": "danger",
    "rejected": "danger",
    "refused": "danger",
    "expired": "danger",
    "cancelled": "",
    "closed": "success",
    "probing": "warning",
    "open": "danger",
    "out": "danger",
}


class OneLine(forms.CharField):
    """A text without control characters: it could forge a line of the log."""

    def validate(self, value: Any) -> None:
        """Refuse control characters, which no line of a page sends."""
        super().validate(value)
        try:
            headers.refuse_controls(value)
        except headers.InvalidHeader as error:
            raise ValidationError(f"This text {error}. Write it in one line.") from error


class MailboxField(OneLine):
    """`Name <address>`, or an address."""

    def __init__(self, **kwargs: Any) -> None:
        """Take one as long as it may be written."""
        super().__init__(**{"max_length": 600, "widget": Line(attrs={"autocomplete": "off"}), **kwargs})

    def clean(self, value: Any) -> str:
        """Refuse what is none."""
        written = str(super().clean(value)).strip()
        try:
            if written:
                addresses.mailbox(written)
        except addresses.InvalidAddress as error:
            raise ValidationError(str(error)) from error
        return written


class OfTeams(forms.ModelForm):  # type: ignore[type-arg]
    """A form that names a team. The operator may choose any, or none; others one of theirs."""

    choices: ClassVar[Sequence[Team] | None] = None  # set for each request, on a class of its own
    chosen_by: ClassVar[str] = "team"  # the field

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer no other teams than those."""
        super().__init__(*args, **kwargs)
        if self.choices is not None and self.chosen_by in self.fields:
            self.limit(self.choices)

    def limit(self, teams: Sequence[Team]) -> None:
        """Offer these."""
        field: Any = self.fields[self.chosen_by]
        field.required, field.empty_label = True, None
        field.queryset = Team.objects.filter(pk__in=[team.pk for team in teams])


class TeamFilter(RelatedDropdownFilter):  # type: ignore[misc]
    """Filter by team; offers those whose rows the person sees."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        """Offer them."""
        return [(team.pk, team.name) for team in permissions.teams_with(request, model_admin.read_scope)]


class ModelAdmin(ThemedAdmin):
    """An admin page in the theme. Whoever has its scopes sees and changes the rows of his teams."""

    list_filter_submit = True
    list_fullwidth = True
    read_scope: str = permissions.OPERATOR
    write_scope: str | None = permissions.OPERATOR
    team_path: str | None = None  # from a row to its team; None: these rows are the operator's

    def visible(self, request: HttpRequest, rows: QuerySet[Any], scope: str) -> QuerySet[Any]:
        """Keep the rows for which the person has this scope."""
        return permissions.visible(request, rows, scope, self.team_path)

    def rows(self, request: HttpRequest, scope: str) -> QuerySet[Any]:
        """Return them from all."""
        return self.visible(request, self.model._default_manager.all(), scope)

    def permits(self, request: HttpRequest, scope: str | None, row: Any = None) -> bool:
        """Tell whether the person has the scope, for this row, which may be named by its key, or for some team."""
        if scope is None or not permissions.may(request, scope):
            return False
        if permissions.is_operator(request):
            return True
        if row is None:
            return self.team_path is not None
        pk = row.pk if isinstance(row, Model) else row
        try:
            return self.rows(request, scope).filter(pk=pk).exists()
        except (ValueError, ValidationError):  # no key of this table
            return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave out what is other teams'."""
        return self.visible(request, super().get_queryset(request), self.read_scope)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Tell a form which teams the person may choose."""
        form = super().get_form(request, obj, change, **kwargs)
        if issubclass(form, OfTeams) and not permissions.is_operator(request):
            form.choices = permissions.teams_with(request, self.write_scope or permissions.OPERATOR)
        return form

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Refuse what no filter of the page asks: by lookups a hidden column is guessed letter by letter."""
        return lookup in {name + end for name in self._filters() for end in _LOOKUPS}

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Name the page by what it lists."""
        title = capfirst(str(self.opts.verbose_name_plural))
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Refuse what no database compares. Django looks at what is searched for itself."""
        if absurd.filters(self.opts, [each for each in request.GET.lists() if each[0] != SEARCH_VAR]):
            raise SuspiciousOperation("A filter holds a NUL character, or a number that no row has.")
        return super().get_changelist_instance(request)

    def response_action(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse | None:
        """Refuse an order about rows whose keys are none of this table's."""
        if absurd.ticks(self.opts, request.POST.getlist(ACTION_CHECKBOX_NAME)):
            raise SuspiciousOperation("What is ticked is no row of this list.")
        return super().response_action(request, *args, **kwargs)

    def _filters(self) -> list[str]:
        named: list[Any] = [each[0] if isinstance(each, list | tuple) else each for each in self.list_filter]
        return [each if isinstance(each, str) else each.parameter_name for each in named]

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the page to those who may read it."""
        return self.permits(request, self.read_scope)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Require the scope of reading."""
        return self.permits(request, self.read_scope, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Require the scope of changing."""
        return self.permits(request, self.write_scope)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Require the scope of changing."""
        return self.permits(request, self.write_scope, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Require the scope of changing."""
        return self.permits(request, self.write_scope, obj)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Judge the scope before the object, as every other page does."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return super().history_view(request, object_id, extra_context)

    def get_actions_list(self, request: HttpRequest) -> list[Any]:
        """Leave out the buttons of what the person may not do; so with those of a row and of its page."""
        return self._allowed(request, super().get_actions_list(request))

    def get_actions_row(self, request: HttpRequest) -> list[Any]:
        """See get_actions_list."""
        return self._allowed(request, super().get_actions_row(request))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """See get_actions_list."""
        return self._allowed(request, super().get_actions_detail(request, object_id), object_id)

    def _allowed(self, request: HttpRequest, actions: list[Any], row: Any = None) -> list[Any]:
        return [
            each for each in actions if self.permits(request, permissions.scope_of(each.method, self), row)
        ]


class ReadOnlyAdmin(ModelAdmin):
    """An admin page without adding, changing and deleting."""

    actions: Any = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False
