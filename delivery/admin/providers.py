"""The providers' page: their status, readiness checks (which send nothing), taking out and putting back."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import Truncator

from delivery.access.scopes import Scope
from delivery.admin import base, permissions, provider_pages, sender_domains
from delivery.admin.permissions import OPERATOR, SHARED, scoped, teams_with
from delivery.db import clock
from delivery.models import Circuit, ProviderCheck, Team
from delivery.monitoring import readiness
from delivery.routing import circuits, configured
from providers.base import Provider

_LONGEST_MESSAGE = 400
LONGEST_REASON = 500


class Order(forms.Form):
    """The form of an order about a provider."""

    provider = base.OneLine(strip=False)
    sender_domain = base.OneLine(max_length=254, required=False)  # or an address
    reason = base.OneLine(max_length=LONGEST_REASON, required=False)


@admin.register(Circuit)
class CircuitAdmin(base.ReadOnlyAdmin):
    """One page for all providers, and four orders, each by POST. Teams see what is fit for them."""

    read_scope, write_scope, team_path = Scope.PROVIDERS_READ, OPERATOR, SHARED

    def get_urls(self) -> list[URLPattern]:
        """Replace Django's pages: circuits are not edited."""
        orders = {
            "check": (Scope.PROVIDERS_WRITE, check),
            "check-all": (Scope.PROVIDERS_WRITE, check_all),
            "take-out": (OPERATOR, take_out),
            "put-back": (OPERATOR, put_back),
        }
        listed = path(
            "", self.admin_site.admin_view(self.changelist_view), name="delivery_circuit_changelist"
        )
        return [
            listed,
            *sender_domains.urls(self),
            *(
                path(f"{word}/", self._order(*order), name=f"delivery_circuit_{word.replace('-', '_')}")
                for word, order in orders.items()
            ),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show every provider in order of preference."""
        if not self.has_view_permission(request) or request.method not in {"GET", "HEAD"}:
            raise PermissionDenied
        return TemplateResponse(request, "delivery/providers.html", {**self._context(request, "Providers")})

    def _context(self, request: HttpRequest, title: str) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            **provider_pages.page(clock.now(), self._teams(request)),
            "title": title,
            "may_check": permissions.may(request, Scope.PROVIDERS_WRITE),
            "may_change": permissions.is_operator(request),
            "longest_reason": LONGEST_REASON,
        }

    def _teams(self, request: HttpRequest) -> list[Team] | None:
        return None if permissions.is_operator(request) else teams_with(request, self.read_scope)

    def _order(self, scope: str, view: Callable[[HttpRequest], None]) -> Any:
        @scoped(scope)
        def inner(request: HttpRequest) -> HttpResponse:
            if request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            try:
                view(request)
            except Http404 as missing:
                return self._missing(request, str(missing))
            return HttpResponseRedirect(reverse("admin:delivery_circuit_changelist"))

        return self.admin_site.admin_view(inner)

    def _missing(self, request: HttpRequest, reason: str) -> HttpResponse:
        back = {"back": reverse("admin:delivery_circuit_changelist"), "back_to": "Back to the providers"}
        context = {**self.admin_site.each_context(request), "title": "Not here", "reason": reason, **back}
        return TemplateResponse(request, "delivery/missing.html", context, status=404)


def check(request: HttpRequest) -> None:
    """Check the readiness of one provider."""
    provider = _provider(_read(request))
    _tell(request, readiness.check(provider, readiness.senders_in_use())[0])


def check_all(request: HttpRequest) -> None:
    """Check the readiness of every provider."""
    for row, _ in readiness.check_all():
        _tell(request, row)


def take_out(request: HttpRequest) -> None:
    """Take a provider out of service."""
    order = _read(request)
    name = _provider(order).name
    if circuits.take_out(name, by=request.user.get_username(), reason=order["reason"]):
        messages.success(request, f"{name} is out of service. It gets no email until somebody puts it back.")
    else:
        messages.warning(request, f"{name} was out of service already.")


def put_back(request: HttpRequest) -> None:
    """Put a provider back into service, or one sender at it."""
    order = _read(request)
    name, sender = _provider(order).name, order["sender_domain"]
    whom = f"{name} for {sender}" if sender else name
    if circuits.put_back(name, sender, by=request.user.get_username()):
        messages.success(request, f"{whom} is in service again, from now on.")
    else:
        messages.warning(request, f"{whom} was in service already.")


def _read(request: HttpRequest) -> dict[str, str]:
    form = Order(request.POST)
    if not form.is_valid():
        raise BadRequest("This is not an order of the providers' page.")
    return form.cleaned_data


def _provider(order: dict[str, str]) -> Provider:
    for provider in configured.providers():
        if provider.name == order["provider"]:
            return provider
    raise Http404(f"The provider {Truncator(order['provider']).chars(60)} is not configured here.")


def _tell(request: HttpRequest, check: ProviderCheck) -> None:
    refused = [address for address, told in check.senders.items() if told["verified"] is False]
    unverified = [f"Not verified: {', '.join(refused)}."] if refused else []
    verdict, tell = _verdict(check)
    if refused or check.warnings:
        tell = messages.warning if check.ready else tell
    said = " ".join([verdict, *check.problems, *unverified, *check.warnings])
    tell(request, Truncator(said).chars(_LONGEST_MESSAGE))


def _verdict(check: ProviderCheck) -> tuple[str, Any]:
    if not check.ready:
        return f"{check.provider} would not carry mail.", messages.error
    if not check.can_be_asked:
        return f"{check.provider} cannot be asked without sending.", messages.info
    if check.sandbox:
        return f"{check.provider} takes mail, but is in its vendor's sandbox.", messages.warning
    return f"{check.provider} would carry mail.", messages.success
