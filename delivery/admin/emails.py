"""The log: a list that is fast at any size, and a page for each email."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import F, Func, IntegerField, OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from delivery.access.scopes import Scope
from delivery.admin import base, files, log_lists, orders, pages, settling, standing, timelines, troubles
from delivery.admin.filters import (
    AcceptedFilter,
    AgeFilter,
    CauseFilter,
    DoubtFilter,
    ErrorFilter,
    KeyFilter,
    ProviderFilter,
    SenderFilter,
    TriedFilter,
)
from delivery.admin.permissions import scoped
from delivery.db import clock
from delivery.models import Attempt, Email, Recipient
from delivery.search import query

_LONGEST_SUBJECT = 90
_MISSING = "There is no such email in the log."
_PARAMETERS = frozenset(
    {
        *("status__exact", "provider", "tried", "error", "sender", "team__id__exact", "key", "doubt", "age"),
        *("created_at_from", "created_at_to", "cause"),
    }
)


@admin.register(Email)
class EmailAdmin(log_lists.ActsOnLists, base.ReadOnlyAdmin):
    """Every email, newest first. Nobody can add, change or delete one."""

    read_scope, write_scope, team_path = Scope.EMAILS_READ, None, "team"
    list_display = ("title", "recipients", "state", "accepted_by", "tries", "accepted")
    list_filter = (
        ("status", base.ChoicesFilter),
        ProviderFilter,
        TriedFilter,
        ErrorFilter,
        SenderFilter,
        ("team", base.TeamFilter),
        KeyFilter,
        DoubtFilter,
        AgeFilter,
        CauseFilter,
        ("created_at", AcceptedFilter),
    )
    list_per_page = 50
    list_max_show_all = 0
    paginator = base.EndlessPaginator
    show_full_result_count = False
    ordering = ("-id",)
    show_facets = admin.ShowFacets.NEVER  # facets need COUNT queries
    search_fields = ("id",)  # only shows the search box; get_search_results does the search
    search_help_text = (
        "Recipient, name, @domain, sender, words of the subject, tag, metadata, vendor's message id, or an id. "
        "One field alone: to: name: domain: from: message: meta: tag: subject:"
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Email]:
        """Return the list's columns in one query, without the bodies."""
        shown = ("id", "created_at", "subject", "status", "provider", "possible_duplicate")
        mine: QuerySet[Email] = super().get_queryset(request)
        return mine.only(*shown).annotate(
            first_recipient=Subquery(_recipients().order_by("id").values("address")[:1]),
            recipient_count=_count(Recipient),
            attempt_count=_count(Attempt),
            perhaps_taken=_count(Attempt, outcome__in=standing.TAKEN_PERHAPS),
            least=Subquery(_recipients().order_by("status").values("status")[:1]),
            most=Subquery(_recipients().order_by("-status").values("status")[:1]),
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Email], search_term: str
    ) -> tuple[QuerySet[Email], bool]:
        """Search as the API does."""
        return query.by_text(queryset, search_term).order_by("-id"), False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Refuse filters that would read the whole log."""
        return lookup in _PARAMETERS

    @admin.display(description="Subject")
    def title(self, email: Any) -> SafeString | str:
        """Show the subject, and a mark on a possible duplicate."""
        subject = Truncator(email.subject.strip()).chars(_LONGEST_SUBJECT) or pages.NO_SUBJECT
        if not (email.possible_duplicate and email.perhaps_taken > 1):
            return subject
        return format_html('{} <span class="gm-label gm-warning gm-mark">{}</span>', subject, pages.DUPLICATE)

    @admin.display(description="Recipients")
    def recipients(self, email: Any) -> SafeString:
        """Show the first recipient and the number of the others."""
        more = f"+{email.recipient_count - 1}" if email.recipient_count > 1 else ""
        return format_html('{} <span class="gm-quiet">{}</span>', email.first_recipient or "–", more)

    @base.display(description="Status", label=base.COLOURS)
    def state(self, email: Any) -> tuple[str, str]:
        """Show the status in its colour; of a sent email, what became of its recipients."""
        return standing.of(email, {email.least, email.most})

    @admin.display(description="Provider", empty_value="–")
    def accepted_by(self, email: Email) -> str | None:
        """Show the provider that accepted it."""
        return email.provider or None

    @admin.display(description="Attempts")
    def tries(self, email: Any) -> int:
        """Show the number of attempts."""
        return int(email.attempt_count)

    @admin.display(description="Time")
    def accepted(self, email: Email) -> SafeString:
        """Show when we accepted it."""
        return pages.moment(email.created_at)

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of an email's parts, and of settling."""
        own = [
            path("<uuid:pk>/preview/", self._content(files.preview), name="delivery_email_preview"),
            path("<uuid:pk>/raw/", self._content(files.raw), name="delivery_email_raw"),
            path("<uuid:pk>/source/", self._source(), name="delivery_email_source"),
            path("<uuid:pk>/files/<int:file>/", self._content(files.attachment), name="delivery_email_file"),
            path("causes/<str:cause>/acknowledge/", self._acknowledging(), name="delivery_email_acknowledge"),
            *(path(f"<uuid:pk>/{answer.word}/", self._settling(answer)) for answer in settling.ANSWERS),
            *(path(f"<uuid:pk>/{order.word}/", self._ordered(order)) for order in orders.ORDERS),
        ]
        return [*self.list_urls(), *own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show one email."""
        if not self.has_view_permission(request) or request.method not in {"GET", "HEAD"}:
            raise PermissionDenied
        email = _find(self.rows(request, self.read_scope), object_id)
        if email is None:
            return self._missing(request, _MISSING)
        may_manage = self.permits(request, Scope.EMAILS_MANAGE, email)
        context = {
            **self.admin_site.each_context(request),
            **pages.email(email, clock.now()),
            "timeline": timelines.of(email),
            "doubt": settling.doubt(email, clock.now()),
            "may_read_content": self.permits(request, Scope.EMAILS_CONTENT, email),
            "answers": settling.ANSWERS if may_manage else (),
            "orders": orders.possible(email, lambda scope: self.permits(request, scope, email)),
            "link": request.build_absolute_uri(request.path),
            "opts": self.opts,
            "object": email,
            "media": self.media,
        }
        return TemplateResponse(request, "delivery/email.html", context)

    def _acknowledging(self) -> Any:
        @scoped(Scope.EMAILS_MANAGE)
        def inner(request: HttpRequest, cause: str) -> HttpResponse:
            return troubles.acknowledge(request, cause)

        return self.admin_site.admin_view(inner)

    def _content(self, view: Any) -> Any:
        @scoped(Scope.EMAILS_CONTENT)
        def inner(request: HttpRequest, pk: UUID, **parts: Any) -> HttpResponseBase:
            if request.method not in {"GET", "HEAD"}:
                raise PermissionDenied
            return self._answer(request, Scope.EMAILS_CONTENT, pk, lambda email: view(email.pk, **parts))

        return self.admin_site.admin_view(inner)

    def _source(self) -> Any:
        @scoped(Scope.EMAILS_CONTENT)
        def inner(request: HttpRequest, pk: UUID) -> HttpResponseBase:
            if request.method not in {"GET", "HEAD"}:
                raise PermissionDenied
            return self._answer(
                request, Scope.EMAILS_CONTENT, pk, lambda email: self._source_page(request, email)
            )

        return self.admin_site.admin_view(inner)

    def _source_page(self, request: HttpRequest, email: Email) -> HttpResponse:
        text, is_whole = files.source(email.pk)
        shown = {"title": f"Source of {pages.subject(email)}", "opts": self.opts, "object": email}
        context = {**self.admin_site.each_context(request), **shown, "source": text, "is_whole": is_whole}
        return TemplateResponse(request, "delivery/source.html", context)

    def _settling(self, answer: settling.Answer) -> Any:
        @scoped(Scope.EMAILS_MANAGE)
        def inner(request: HttpRequest, pk: UUID) -> HttpResponseBase:
            def view(email: Email) -> HttpResponse:
                return settling.page(self, request, email, answer)

            return self._answer(request, Scope.EMAILS_MANAGE, pk, view)

        return self.admin_site.admin_view(inner)

    def _ordered(self, order: orders.Order) -> Any:
        @scoped(order.scope)
        def inner(request: HttpRequest, pk: UUID) -> HttpResponseBase:
            def view(email: Email) -> HttpResponse:
                return orders.page(self, request, email, order)

            return self._answer(request, order.scope, pk, view)

        return self.admin_site.admin_view(inner)

    def _answer(
        self, request: HttpRequest, scope: str, pk: UUID, view: Callable[[Email], HttpResponseBase]
    ) -> HttpResponseBase:
        email = _find(self.rows(request, scope), str(pk))
        if email is None:
            return self._missing(request, _MISSING)
        try:
            return view(email)
        except Http404 as missing:
            return self._missing(request, str(missing))

    def _missing(self, request: HttpRequest, reason: str) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "title": "Not here", "reason": reason}
        return TemplateResponse(request, "delivery/missing.html", context, status=404)


def _find(rows: QuerySet[Email], object_id: str) -> Email | None:
    try:
        pk = UUID(unquote(object_id))
    except ValueError:
        return None
    related = ("recipients", "attachments", "attempts")
    return rows.select_related("team", "key").prefetch_related(*related).filter(pk=pk).first()


def _recipients() -> QuerySet[Recipient]:
    return Recipient.objects.filter(email=OuterRef("pk"))


def _count(model: type[Recipient] | type[Attempt], **those: Any) -> Subquery:
    rows: Any = model._default_manager.filter(email=OuterRef("pk"), **those).order_by()
    counted = rows.annotate(number=Func(F("pk"), function="COUNT", output_field=IntegerField())).values(
        "number"
    )
    return Subquery(counted)
