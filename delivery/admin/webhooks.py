"""The pages of webhooks: what endpoints are told, each call, and telling it again."""

from typing import Any, Final, TypeVar
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from delivery.access.scopes import Scope
from delivery.admin import base, pages, webhook_lists, webhook_pages
from delivery.models import WebhookCall, WebhookMessage
from delivery.webhooks import endpoints, replays

_LONGEST_ANSWER: Final = 60
Row = TypeVar("Row", bound=Model)


@admin.register(WebhookMessage)
class MessageAdmin(webhook_lists.LogAdmin):
    """What endpoints are told, newest first."""

    read_scope, write_scope, team_path = Scope.WEBHOOKS_READ, Scope.WEBHOOKS_WRITE, "endpoint__team"
    list_display = ("told", "to", "state", "tries", "happened", "next_try")
    list_filter = (("outcome", base.ChoicesFilter),)
    list_select_related = ("endpoint",)
    search_fields = ("=id",)
    search_help_text = "The webhook-id"
    template = "delivery/webhook_message.html"
    missing = "There is no such message; those that are finished are kept for a while only."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[WebhookMessage], search_term: str
    ) -> tuple[QuerySet[WebhookMessage], bool]:
        """Find by id alone."""
        return _by_id(queryset, search_term), False

    def get_urls(self) -> list[URLPattern]:
        """Add the order."""
        return [self.order("replay", self._replay), *super().get_urls()]

    def context(self, row: WebhookMessage) -> dict[str, Any]:
        """Return what the page shows."""
        return webhook_pages.message(row)

    def _replay(self, request: HttpRequest, row: WebhookMessage) -> None:
        try:
            replays.replay(row.endpoint, [row.pk])
        except endpoints.SwitchedOff:
            messages.error(request, webhook_lists.OFF)
        else:
            self.log_change(request, row, "Replayed.")
            messages.success(request, "It is posted again, under the same id.")

    @admin.display(description="Event")
    def told(self, row: WebhookMessage) -> str:
        """Show the event's name."""
        return row.kind

    @admin.display(description="Endpoint")
    def to(self, row: WebhookMessage) -> SafeString:
        """Show the URL, cut."""
        return webhook_lists.url(row.endpoint)

    @base.display(description="State", label=webhook_pages.COLOURS)
    def state(self, row: WebhookMessage) -> tuple[str, str]:
        """Show what became of it."""
        return row.outcome, row.get_outcome_display().lower()

    @admin.display(description="Happened")
    def happened(self, row: WebhookMessage) -> SafeString:
        """Show when it happened."""
        return pages.moment(row.at)

    @admin.display(description="Next try", empty_value="–")
    def next_try(self, row: WebhookMessage) -> SafeString | None:
        """Show when it is posted next."""
        return pages.moment(row.due_at) if row.due_at else None


@admin.register(WebhookCall)
class CallAdmin(webhook_lists.LogAdmin):
    """Every call, newest first; a call's page is that of its message."""

    read_scope, write_scope, team_path = Scope.WEBHOOKS_READ, None, "endpoint__team"
    list_display = ("answered", "told", "to", "said", "took", "when")
    list_select_related = ("message", "endpoint")
    missing = "There is no such call; they are kept for a while only."

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookCall]:
        """Load the message and the endpoint along with it."""
        return super().get_queryset(request).select_related("message", "endpoint")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Go to the message's page."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        call = self.find(request, object_id, self.read_scope)
        if call is None:
            return self.not_here(request)
        return HttpResponseRedirect(reverse("admin:delivery_webhookmessage_change", args=[call.message_id]))

    @base.display(description="Answer", label=webhook_pages.COLOURS)
    def answered(self, row: WebhookCall) -> tuple[str, str]:
        """Show the status."""
        return webhook_pages.answered(row)

    @admin.display(description="Event")
    def told(self, row: WebhookCall) -> str:
        """Show the event's name."""
        return row.message.kind

    @admin.display(description="Endpoint")
    def to(self, row: WebhookCall) -> SafeString:
        """Show the URL, cut."""
        return webhook_lists.url(row.endpoint)

    @admin.display(description="Said", empty_value="–")
    def said(self, row: WebhookCall) -> str | None:
        """Show how the answer begins."""
        return Truncator(row.answer.strip()).chars(_LONGEST_ANSWER) or None

    @admin.display(description="Took")
    def took(self, row: WebhookCall) -> str:
        """Show the milliseconds."""
        return f"{row.ms:,} ms"

    @admin.display(description="Time")
    def when(self, row: WebhookCall) -> SafeString:
        """Show when it was made."""
        return pages.moment(row.at)


def _by_id(rows: QuerySet[Row], text: str) -> QuerySet[Row]:
    if not text.strip():
        return rows
    try:
        return rows.filter(pk=UUID(text.strip()))
    except ValueError:
        return rows.none()
