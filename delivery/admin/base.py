"""The base of all admin pages. Only this module imports the theme, so plain Django can replace it in one edit."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateFilter,
    RelatedDropdownFilter,
)
from unfold.paginator import InfinitePaginator
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from delivery.content import headers

if TYPE_CHECKING:  # the theme has no types
    from django.contrib import admin

    Method = TypeVar("Method", bound=Callable[..., Any])
    ThemedAdmin = admin.ModelAdmin[Any]

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
    "ModelAdmin",
    "OneLine",
    "ReadOnlyAdmin",
    "RelatedFilter",
    "action",
    "display",
]

ChoicesFilter, Filter, DateFilter = ChoicesDropdownFilter, DropdownFilter, RangeDateFilter
RelatedFilter, Choice = RelatedDropdownFilter, UnfoldAdminSelectWidget
EndlessPaginator = InfinitePaginator  # needs no COUNT query
Checkboxes = UnfoldAdminCheckboxSelectMultipleWidget
Lines, Line = UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

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


class ModelAdmin(ThemedAdmin):
    """An admin page in the theme."""

    list_filter_submit = True
    list_fullwidth = True


class ReadOnlyAdmin(ModelAdmin):
    """An admin page without adding, changing and deleting."""

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False
