"""What the lists of webhooks share."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from delivery.admin import base, permissions
from delivery.admin.permissions import scoped
from delivery.models import WebhookEndpoint

OFF: Final = "This endpoint is off: nothing is posted to it. Switch it on first."
_LONGEST_URL = 60


class LogAdmin(base.ReadOnlyAdmin):
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
        row = self.find(request, object_id, self.read_scope)
        if row is None:
            return self.not_here(request)
        context = {
            **self.admin_site.each_context(request),
            **self.context(row),
            "opts": self.opts,
            "object": row,
        }
        return TemplateResponse(
            request, self.template, {**context, "may_change": self.permits(request, self.write_scope, row)}
        )

    def find(self, request: HttpRequest, object_id: str, scope: str) -> Any:
        """Return the row with this id if the person has the scope for it, or None."""
        rows = self.visible(request, self.get_queryset(request), scope)
        try:
            return rows.filter(pk=UUID(unquote(object_id))).first()
        except ValueError:
            return None

    def not_here(self, request: HttpRequest) -> HttpResponse:
        """Say that there is no such row."""
        back = reverse(f"admin:delivery_{self.opts.model_name}_changelist")
        said = {"title": "Not here", "reason": self.missing, "back": back, "back_to": "Back to the list"}
        context = {**self.admin_site.each_context(request), **said}
        return TemplateResponse(request, "delivery/missing.html", context, status=404)

    def order(self, word: str, act: Callable[[HttpRequest, Any], HttpResponse | None]) -> URLPattern:
        """Return the path of an order about a row: POST alone, then its answer or back to the row's page."""
        scope = self.write_scope or permissions.OPERATOR

        @scoped(scope)
        def inner(request: HttpRequest, pk: UUID) -> HttpResponse:
            if request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            row = self.find(request, str(pk), scope)
            if row is None:
                return self.not_here(request)
            back = reverse(f"admin:delivery_{self.opts.model_name}_change", args=[pk])
            return act(request, row) or HttpResponseRedirect(back)

        name = f"delivery_{self.opts.model_name}_{word.replace('-', '_')}"
        return path(f"<uuid:pk>/{word}/", self.admin_site.admin_view(inner), name=name)


def url(row: WebhookEndpoint) -> SafeString:
    """Show an endpoint's URL, cut."""
    return format_html('<span class="gm-break">{}</span>', Truncator(row.url).chars(_LONGEST_URL))
