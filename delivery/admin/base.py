"""What every page of the admin stands on. Only this module knows the theme: plain Django admin is one edit away."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RangeDateFilter
from unfold.paginator import InfinitePaginator
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

if TYPE_CHECKING:  # the theme has no types
    from django.contrib import admin

    Method = TypeVar("Method", bound=Callable[..., Any])
    ThemedAdmin = admin.ModelAdmin[Any]

    def action(**options: Any) -> Callable[[Method], Method]:
        """Make a method a button."""

    def display(**options: Any) -> Callable[[Method], Method]:
        """Make a method a column."""
else:
    from unfold.admin import ModelAdmin as ThemedAdmin
    from unfold.decorators import action, display

__all__ = [
    "Checkboxes",
    "ChoicesFilter",
    "DateFilter",
    "EndlessPaginator",
    "Filter",
    "Line",
    "Lines",
    "ModelAdmin",
    "ReadOnlyAdmin",
    "action",
    "display",
]

ChoicesFilter, Filter, DateFilter = ChoicesDropdownFilter, DropdownFilter, RangeDateFilter
EndlessPaginator = InfinitePaginator  # never counts
Checkboxes = UnfoldAdminCheckboxSelectMultipleWidget
Lines, Line = UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

# Colours of labels, by the statuses of emails and recipients, the outcomes of attempts and the states of circuits.
COLOURS = {
    "sent": "success",
    "accepted": "success",
    "scheduled": "info",
    "queued": "info",
    "pending": "info",
    "sending": "info",
    "started": "info",
    "unknown": "warning",
    "partial": "warning",
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


class ModelAdmin(ThemedAdmin):
    """An admin page in the theme."""

    list_filter_submit = True
    list_fullwidth = True


class ReadOnlyAdmin(ModelAdmin):
    """Pages that show and never change."""

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
