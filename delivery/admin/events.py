"""The page of events: what vendors have told, as it came."""

import json
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from delivery.access.scopes import Scope
from delivery.admin import base, pages
from delivery.admin.lists import Endless
from delivery.models import ProviderEvent
from delivery.routing import configured

_LONGEST = 80
_PARAMETERS = frozenset({"account", "what"})
_State = ProviderEvent.State


class AccountFilter(base.Filter):  # type: ignore[misc]
    """Filter by account; offers the configured ones, since finding all past ones would read the log."""

    title = "account"
    parameter_name = "account"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the configured names."""
        return [(name, name) for name in configured.names()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ProviderEvent]) -> QuerySet[ProviderEvent]:
        """Keep the events of the account."""
        return (
            queryset.filter(account=self.value()) if self.value() in dict(self.lookup_choices) else queryset
        )


class LooseFilter(base.Filter):  # type: ignore[misc]
    """Filter for events that belong to no email."""

    title = "what followed"
    parameter_name = "what"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the two kinds of them."""
        return [(_State.PARKED.value, "attempt not known"), (_State.OTHER.value, "nothing")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ProviderEvent]) -> QuerySet[ProviderEvent]:
        """Keep the chosen events; other values are ignored."""
        chosen = self.value() in dict(self.lookup_choices)
        return queryset.filter(email=None, state=self.value()) if chosen else queryset


@admin.register(ProviderEvent)
class EventAdmin(Endless, base.ReadOnlyAdmin):
    """Every event, newest first. Nobody can add, change or delete one."""

    read_scope, write_scope, team_path = Scope.EMAILS_READ, None, "email__team"
    list_display = ("received", "account", "what", "to", "of", "said")
    list_filter = (AccountFilter, LooseFilter)
    search_fields = ("id",)  # only shows the search box; get_search_results does the search
    search_help_text = "The id of an event or of an email"
    fields = (
        ("account", "kind"), "name", "followed", "of", "attempt", "recipient", "code", "reason", "at",
        "received_at", "as_it_came",
    )  # fmt: skip
    readonly_fields = ("followed", "of", "as_it_came")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProviderEvent]:
        """Return the events; the list needs not what came."""
        return super().get_queryset(request).defer("raw")

    def get_fields(self, request: HttpRequest, obj: ProviderEvent | None = None) -> Any:
        """Keep back the vendor's own words from those who may not read content: a link that was clicked is a part."""
        shown = self.permits(request, Scope.EMAILS_CONTENT, obj)
        return self.fields if shown else [each for each in self.fields if each != "as_it_came"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ProviderEvent], search_term: str
    ) -> tuple[QuerySet[ProviderEvent], bool]:
        """Find an event by its id, or those of an email by the email's."""
        if not search_term.strip():
            return queryset, False
        try:
            pk = UUID(search_term.strip())
        except ValueError:
            return queryset.none(), False
        found = queryset.filter(pk=pk)
        return found if found.exists() else queryset.filter(email=pk), False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Refuse filters that would read all events."""
        return lookup in _PARAMETERS

    @admin.display(description="Received")
    def received(self, event: ProviderEvent) -> SafeString:
        """Show when it came."""
        return pages.moment(event.received_at)

    @base.display(description="Event", label=base.COLOURS)
    def what(self, event: ProviderEvent) -> tuple[str, str]:
        """Show the kind in its colour."""
        return event.kind, " ".join(filter(None, [event.bounce, event.kind]))

    @admin.display(description="Recipient", empty_value="–")
    def to(self, event: ProviderEvent) -> str | None:
        """Show the address that the vendor names."""
        return event.recipient or None

    @admin.display(description="Email")
    def of(self, event: ProviderEvent) -> SafeString | str:
        """Show the way to the email."""
        if not event.email_id:
            return event.get_state_display()
        page = reverse("admin:delivery_email_change", args=[event.email_id])
        return format_html('<a class="gm-link" href="{}">show</a>', page)

    @admin.display(description="Said", empty_value="–")
    def said(self, event: ProviderEvent) -> str | None:
        """Show the beginning of the reason."""
        return Truncator(event.reason or event.name).chars(_LONGEST) or None

    @admin.display(description="What followed")
    def followed(self, event: ProviderEvent) -> str:
        """Show the state, and what is uncertain."""
        guess = (
            "" if event.certain else "; the vendor is not certain of the recipient, so nothing follows for it"
        )
        return f"{event.get_state_display()}{guess}"

    @admin.display(description="As it came")
    def as_it_came(self, event: ProviderEvent) -> SafeString:
        """Show the vendor's own words."""
        text = json.dumps(event.raw, indent=2, ensure_ascii=False, sort_keys=True)
        return format_html('<pre class="gm-text" dir="auto">{}</pre>', text)
