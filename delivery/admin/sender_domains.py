"""The pages of sender domains: which there are, and the DNS records that providers want for one of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from delivery.access.scopes import Scope
from delivery.admin import permissions
from delivery.admin.pages import Label
from delivery.admin.permissions import scoped
from delivery.admin.provider_pages import VERIFIED
from delivery.content import addresses
from delivery.monitoring import sender_domains
from delivery.monitoring.dns_check import State
from delivery.monitoring.sender_domains import Checked, OfProvider, Report
from delivery.routing import configured

_MOST: Final = 200  # domains on one page
_LIST: Final = "admin:delivery_circuit_sender_domains"
_COLOURS: Final = {
    State.FOUND: "success",
    State.MISSING: "danger",
    State.DIFFERENT: "warning",
    State.UNASKED: "",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One record on the page."""

    checked: Checked
    label: Label | None  # None: DNS was not asked

    @property
    def place(self) -> str:
        """Where it stands, and of which type, as a button names it that copies."""
        return f"{self.checked.record.type} record at {self.checked.record.name}"


@dataclass(frozen=True, kw_only=True)
class Card:
    """One provider on the page of a domain."""

    name: str
    label: Label
    detail: str
    rows: list[Row]
    is_silent: bool = False  # it was asked, and names no records


def urls(model_admin: Any) -> list[URLPattern]:
    """Return the paths of the pages, which stand among those of providers."""

    @scoped(Scope.PROVIDERS_READ)
    def listed(request: HttpRequest) -> HttpResponse:
        return _listed(model_admin, request)

    @scoped(Scope.PROVIDERS_READ)
    def one(request: HttpRequest) -> HttpResponse:
        return _shown(model_admin, request)

    @scoped(Scope.PROVIDERS_WRITE)
    def asked(request: HttpRequest) -> HttpResponse:
        return _asked(model_admin, request)

    view = model_admin.admin_site.admin_view
    return [
        path("sender-domains/", view(listed), name="delivery_circuit_sender_domains"),
        path("sender-domains/one/", view(one), name="delivery_circuit_sender_domain"),
        path("sender-domains/ask/", view(asked), name="delivery_circuit_sender_domain_ask"),
    ]


def _listed(model_admin: Any, request: HttpRequest) -> HttpResponse:
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    names, page = configured.names(), Paginator(_theirs(request), _MOST).get_page(request.GET.get("p"))
    known = sender_domains.last_known(page.object_list)
    context = {
        "title": "Sender domains",
        "names": names,
        "domains": [(each, [_verified(known[each], name) for name in names], _page(each)) for each in page],
        "page": page,
        "may_name_any": permissions.is_operator(request),
    }
    return _answer(model_admin, request, "delivery/sender_domains.html", context)


def _shown(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """Show what was known at the last check; nobody is asked."""
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    domain = _named(request, request.GET.get("domain", ""))
    known = sender_domains.last_known([domain])[domain]
    cards = [Card(name=name, label=_verified(known, name), detail="", rows=[]) for name in configured.names()]
    return _domain(model_admin, request, domain, cards, _row(sender_domains.unasked(domain)))


def _asked(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """Ask the providers and DNS, and show what they say; nothing is kept."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    domain = _named(request, request.POST.get("domain", ""))
    report = sender_domains.ask(domain)
    return _domain(model_admin, request, domain, _cards(request, report), _row(report.dmarc), is_asked=True)


def _domain(
    model_admin: Any, request: HttpRequest, domain: str, cards: Sequence[Card], dmarc: Row, **more: Any
) -> HttpResponse:
    context = {"title": f"Sender domain {domain}", "domain": domain, "cards": cards, "dmarc": dmarc, **more}
    context |= {"may_ask": permissions.may(request, Scope.PROVIDERS_WRITE), "back": reverse(_LIST)}
    return _answer(model_admin, request, "delivery/sender_domain.html", context)


def _answer(model_admin: Any, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    return TemplateResponse(request, template, {**model_admin.admin_site.each_context(request), **context})


def _theirs(request: HttpRequest) -> list[str]:
    """Return the domains that the person's teams send from; for the operator all."""
    if permissions.is_operator(request):
        return sender_domains.in_use()
    return sender_domains.of_teams(permissions.teams_with(request, Scope.PROVIDERS_READ))


def _named(request: HttpRequest, written: str) -> str:
    """Return a domain of the person's; the operator may name any. Raises Http404."""
    try:
        domain = addresses.bare(f"postmaster@{written.strip()}").rpartition("@")[2]
    except addresses.InvalidAddress as error:
        raise Http404 from error
    if not permissions.is_operator(request) and domain not in _theirs(request):
        raise Http404
    return domain


def _page(domain: str) -> str:
    return f"{reverse('admin:delivery_circuit_sender_domain')}?domain={domain}"


def _verified(known: dict[str, bool | None], name: str) -> Label:
    return VERIFIED[known[name]] if name in known else Label(text="not asked yet", colour="")


def _cards(request: HttpRequest, report: Report) -> list[Card]:
    whole = permissions.is_operator(request)
    return [_card(each, whole=whole) for each in report.providers]


def _card(each: OfProvider, *, whole: bool) -> Card:
    """Return a provider's card; unless whole, without the addresses that its words may quote."""
    detail = each.said.detail if whole else addresses.hidden(each.said.detail)
    label = VERIFIED[each.said.verified]
    if not each.said.asked:
        label = replace(label, text="could not be asked")
    rows = [_row(one) for one in each.records]
    return Card(name=each.name, label=label, detail=detail, rows=rows, is_silent=each.said.asked and not rows)


def _row(checked: Checked) -> Row:
    found = checked.finding
    label = Label(text=str(found.state), colour=_COLOURS[found.state]) if found else None
    return Row(checked=checked, label=label)
