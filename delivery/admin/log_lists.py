"""What can be done with a whole list of the log, or with what is ticked in it: cancel, send again, export."""

from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse

from delivery.access import audit
from delivery.access.scopes import Scope
from delivery.admin import bulk, permissions, suppressed, trial
from delivery.admin.permissions import scoped
from delivery.models import Email
from delivery.search import exports

if TYPE_CHECKING:
    from delivery.admin.base import ReadOnlyAdmin as Base
else:
    Base = object

_OF_THE_PAGE: Final = ("p", "all", "o", "e")  # parameters that choose no emails


class ActsOnLists(Base):
    """A list of emails with orders about all of it, and about what is ticked."""

    list_before_template = "delivery/emails_before.html"
    actions = ("cancel_ticked", "resend_ticked")

    def listed(self, request: HttpRequest) -> QuerySet[Email]:
        """Return what the list shows for these parameters, of all its pages."""
        return self.get_changelist_instance(request).queryset  # type: ignore[no-any-return]

    def list_urls(self) -> list[URLPattern]:
        """Return the pages."""
        return [
            path("export/", self._exporting(), name="delivery_email_export"),
            path("send-test/", self._trying(), name="delivery_email_send_test"),
            *(
                path(f"all/{each.word}/", self._bulk(each), name=f"delivery_email_all_{each.word}")
                for each in bulk.BULKS
            ),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Offer what can be done with all that is listed."""
        offered = {"offered": self._offered(request), "suppressed": suppressed.of_search(request)}
        return super().changelist_view(request, {**offered, **(extra_context or {})})

    def _offered(self, request: HttpRequest) -> list[tuple[str, str]]:
        asked = request.GET.copy()
        for name in _OF_THE_PAGE:
            asked.pop(name, None)
        query = f"?{asked.urlencode()}" if asked else ""
        export = [("Export CSV", reverse("admin:delivery_email_export") + query)]
        if permissions.may(request, Scope.EMAILS_SEND):
            export.append(("Send a test…", reverse("admin:delivery_email_send_test")))
        if not asked or not permissions.may(request, Scope.EMAILS_MANAGE):
            return export
        return [
            *export,
            *(
                (f"{text}…", reverse(f"admin:delivery_email_all_{word}") + query)
                for text, word in (
                    ("Cancel all that match", "cancel"),
                    ("Send all that match again", "resend"),
                )
            ),
        ]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Leave out what the person may not do."""
        allowed: dict[str, Any] = super().get_actions(request) or {}
        return allowed if permissions.may(request, Scope.EMAILS_MANAGE) else {}

    @admin.action(description="Cancel…")
    @scoped(Scope.EMAILS_MANAGE)
    def cancel_ticked(self, request: HttpRequest, ticked: QuerySet[Email]) -> HttpResponse:
        """Show what is meant."""
        return self._asked(request, bulk.CANCEL)

    @admin.action(description="Send again…")
    @scoped(Scope.EMAILS_MANAGE)
    def resend_ticked(self, request: HttpRequest, ticked: QuerySet[Email]) -> HttpResponse:
        """Show what is meant."""
        return self._asked(request, bulk.RESEND)

    def _asked(self, request: HttpRequest, order: bulk.Bulk) -> HttpResponse:
        asked = request.GET.copy()
        if request.POST.get("select_across") != "1":
            asked[bulk.PICKED] = ",".join(request.POST.getlist("_selected_action")[: self.list_per_page])
        where = reverse(f"admin:delivery_email_all_{order.word}")
        return HttpResponseRedirect(f"{where}?{asked.urlencode()}")

    def _bulk(self, order: bulk.Bulk) -> Any:
        @scoped(Scope.EMAILS_MANAGE)
        def inner(request: HttpRequest) -> HttpResponse:
            return bulk.page(self, request, order)

        return self.admin_site.admin_view(inner)

    def _trying(self) -> Any:
        @scoped(Scope.EMAILS_SEND)
        def inner(request: HttpRequest) -> HttpResponse:
            return trial.page(self, request)

        return self.admin_site.admin_view(inner)

    def _exporting(self) -> Any:
        @scoped(Scope.EMAILS_READ)
        def inner(request: HttpRequest) -> HttpResponseBase:
            if request.method not in {"GET", "HEAD"}:
                raise PermissionDenied
            return self._exported(request)

        return self.admin_site.admin_view(inner)

    def _exported(self, request: HttpRequest) -> StreamingHttpResponse:
        emails = Email.objects.filter(pk__in=self.listed(request).order_by().values("pk")).order_by("-id")
        asked = {name: value for name, value in request.GET.items() if value}
        teams = [None] if permissions.is_operator(request) else permissions.teams(request, Scope.EMAILS_READ)
        with transaction.atomic():
            for team in teams:
                audit.record("emails.exported", "emails", "", team=team, after={"filter": asked})
        response = StreamingHttpResponse(exports.lines(emails), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = 'attachment; filename="emails.csv"'
        return response
