"""The pages of webhooks: endpoints, what they are told, each call; switching on and off, tests, replays."""

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from delivery.admin import base, pages, webhook_pages
from delivery.models import WebhookCall, WebhookEndpoint, WebhookMessage
from delivery.webhooks import endpoints, replays

_LONGEST_URL, _LONGEST_ANSWER = 60, 60
_OFF = "This endpoint is off: nothing is posted to it. Switch it on first."
Row = TypeVar("Row", bound=Model)


class _Log(base.ReadOnlyAdmin):
    """A list that is fast at any size, with a page for each row and orders by POST."""

    list_per_page = 50
    list_max_show_all = 0
    paginator = base.EndlessPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # facets need COUNT queries
    ordering = ("-id",)
    sortable_by = ()
    template = ""
    missing = ""  # what is said where there is no such row

    def context(self, row: Any) -> dict[str, Any]:
        """Return what the page of a row shows."""
        raise NotImplementedError

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show one row."""
        if not self.has_view_permission(request) or request.method not in {"GET", "HEAD"}:
            raise PermissionDenied
        row = self.find(object_id)
        if row is None:
            return self.not_here(request)
        context = {
            **self.admin_site.each_context(request),
            **self.context(row),
            "opts": self.opts,
            "object": row,
        }
        return TemplateResponse(request, self.template, {**context, "may_change": self._may_change(request)})

    def find(self, object_id: str) -> Any:
        """Return the row with this id, or None."""
        try:
            return self.get_queryset(HttpRequest()).filter(pk=UUID(unquote(object_id))).first()
        except ValueError:
            return None

    def not_here(self, request: HttpRequest) -> HttpResponse:
        """Say that there is no such row."""
        back = reverse(f"admin:delivery_{self.opts.model_name}_changelist")
        said = {"title": "Not here", "reason": self.missing, "back": back, "back_to": "Back to the list"}
        context = {**self.admin_site.each_context(request), **said}
        return TemplateResponse(request, "delivery/missing.html", context, status=404)

    def order(self, word: str, act: Callable[[HttpRequest, Any], None]) -> URLPattern:
        """Return the path of an order about a row: POST alone, then back to its page."""

        def inner(request: HttpRequest, pk: UUID) -> HttpResponse:
            if not self._may_change(request):
                raise PermissionDenied
            if request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            row = self.find(str(pk))
            if row is None:
                return self.not_here(request)
            act(request, row)
            return HttpResponseRedirect(reverse(f"admin:delivery_{self.opts.model_name}_change", args=[pk]))

        name = f"delivery_{self.opts.model_name}_{word.replace('-', '_')}"
        return path(f"<uuid:pk>/{word}/", self.admin_site.admin_view(inner), name=name)

    def _may_change(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"delivery.change_{self.opts.model_name}")


@admin.register(WebhookEndpoint)
class EndpointAdmin(_Log):
    """Endpoints are made by their owners through the API; here they are watched, and switched on and off."""

    list_display = ("place", "owner", "hears", "state", "created")
    list_select_related = ("owner",)
    search_fields = ("url", "owner__name", "description")
    search_help_text = "A part of a URL, an owner, or a description"
    template = "delivery/webhook_endpoint.html"
    missing = "There is no such endpoint."

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        """Leave out what was deleted, and the secrets."""
        rows = WebhookEndpoint.objects.filter(deleted_at=None).select_related("owner")
        return rows.defer("secret", "previous_secret")

    def get_urls(self) -> list[URLPattern]:
        """Add the orders."""
        orders = {"switch-on": self._switch_on, "switch-off": self._switch_off, "test": self._test}
        return [*(self.order(word, act) for word, act in orders.items()), *super().get_urls()]

    def context(self, row: WebhookEndpoint) -> dict[str, Any]:
        """Return what the page shows."""
        return webhook_pages.endpoint(row)

    def _switch_on(self, request: HttpRequest, row: WebhookEndpoint) -> None:
        endpoints.change(row, enabled=True)
        self.log_change(request, row, "Switched on.")
        messages.success(request, "It is on. What waits for it is posted now.")

    def _switch_off(self, request: HttpRequest, row: WebhookEndpoint) -> None:
        endpoints.change(row, enabled=False)
        self.log_change(request, row, "Switched off.")
        messages.success(
            request, "It is off. What waits for it waits on, and nothing more is written down for it."
        )

    def _test(self, request: HttpRequest, row: WebhookEndpoint) -> None:
        try:
            endpoints.send_test(row)
        except endpoints.SwitchedOff:
            messages.error(request, _OFF)
        else:
            messages.success(request, "A test will be posted. Reload this page to see what it answered.")

    @admin.display(description="URL")
    def place(self, row: WebhookEndpoint) -> SafeString:
        """Show the URL, cut."""
        return _url(row)

    @admin.display(description="Listens to")
    def hears(self, row: WebhookEndpoint) -> str:
        """Show the first events."""
        return webhook_pages.hears(row)

    @base.display(description="State", label=webhook_pages.COLOURS)
    def state(self, row: WebhookEndpoint) -> tuple[str, str]:
        """Show whether it is on."""
        return webhook_pages.state(row)

    @admin.display(description="Created")
    def created(self, row: WebhookEndpoint) -> SafeString:
        """Show when it was made."""
        return pages.moment(row.created_at)


@admin.register(WebhookMessage)
class MessageAdmin(_Log):
    """What endpoints are told, newest first."""

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
            messages.error(request, _OFF)
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
        return _url(row.endpoint)

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
class CallAdmin(_Log):
    """Every call, newest first; a call's page is that of its message."""

    list_display = ("answered", "told", "to", "said", "took", "when")
    list_select_related = ("message", "endpoint")
    missing = "There is no such call; they are kept for a while only."

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookCall]:
        """Load the message and the endpoint along with it."""
        return WebhookCall.objects.select_related("message", "endpoint")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Go to the message's page."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        call = self.find(object_id)
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
        return _url(row.endpoint)

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


def _url(row: WebhookEndpoint) -> SafeString:
    return format_html('<span class="gm-break">{}</span>', Truncator(row.url).chars(_LONGEST_URL))


def _by_id(rows: QuerySet[Row], text: str) -> QuerySet[Row]:
    if not text.strip():
        return rows
    try:
        return rows.filter(pk=UUID(text.strip()))
    except ValueError:
        return rows.none()
