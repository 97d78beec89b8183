"""The pages of mailings: made, checked, tested, started, watched, held, and who got what."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, JsonResponse
from django.http import StreamingHttpResponse as Streamed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from delivery.access.scopes import Scope
from delivery.admin import (
    base,
    mailing_orders,
    mailing_pages,
    mailing_previews,
    mailing_standing,
    pages,
    permissions,
    webhook_lists,
)
from delivery.admin.mailing_forms import MailingForm, TestForm, said
from delivery.admin.mailing_orders import Order
from delivery.admin.permissions import scoped
from delivery.audience import contacts
from delivery.content.template_sources import LONGEST_SOURCE
from delivery.mailings import exports, progress, run, states
from delivery.mailings.content import NotReady
from delivery.models import Contact, Group, Mailing, Template

View = Callable[[HttpRequest, Mailing], HttpResponse]
_LIST: Final = "admin:delivery_mailing_changelist"
_PAGE: Final = "admin:delivery_mailing_change"


@admin.register(Mailing)
class MailingAdmin(webhook_lists.LogAdmin):
    """Mailings, newest first."""

    read_scope, write_scope, team_path = Scope.MAILINGS_READ, Scope.MAILINGS_WRITE, "team"
    list_display = ("name", "shown_state", "group", "sent", "pace_shown", "left", "started", "team")
    list_filter = (("state", base.ChoicesFilter), ("team", base.TeamFilter))
    list_select_related = ("group", "team")
    list_before_template = "delivery/mailings_first.html"
    search_fields = ("name",)
    search_help_text = "A part of the name"
    template = "delivery/mailing.html"
    missing = "There is no such mailing."

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Require the scope, which ReadOnlyAdmin ignores."""
        return self.permits(request, self.write_scope)

    def get_queryset(self, request: HttpRequest) -> Any:
        """Read what its pages name, too."""
        return super().get_queryset(request).select_related("group", "team", "template", "signature")

    def get_urls(self) -> list[URLPattern]:
        """Add the form, the previews, the recipients, and the orders."""
        compose = scoped(Scope.MAILINGS_WRITE)(self._compose)
        own = [
            path("compose/", self.admin_site.admin_view(compose), name="delivery_mailing_compose"),
            self._about("edit", Scope.MAILINGS_WRITE, self._edit),
            self._about("progress", Scope.MAILINGS_READ, self._progress),
            self._about("recipients", Scope.MAILINGS_READ, self._recipients),
            self._about("try", Scope.EMAILS_CONTENT, self._try),
            self._about("written", Scope.EMAILS_CONTENT, self._written),
            self._about("test", Scope.MAILINGS_WRITE, self._test),
        ]
        orders = [
            self._about(each.word, Scope.MAILINGS_WRITE, self._ordering(each))
            for each in mailing_orders.ORDERS
        ]
        return [*own, *orders, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Say what comes first where there is no mailing yet."""
        if self.has_view_permission(request) and not self.get_queryset(request).exists():
            extra_context = {**(extra_context or {}), "first_steps": self._first_steps(request)}
        return super().changelist_view(request, extra_context)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Show the form on GET, make a draft on POST."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return self._form(request, None)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show one mailing, with those of its recipients that are asked for."""
        response = super().change_view(request, object_id, form_url, extra_context)
        if isinstance(response, TemplateResponse) and response.status_code == 200:
            mailing, shown = response.context_data["object"], response.context_data  # type: ignore[index]
            shown |= mailing_pages.recipients(mailing, request.GET)  # type: ignore[operator]
            shown["may_preview"] = self.permits(request, Scope.EMAILS_CONTENT, mailing)
            shown["may_read_emails"] = self.permits(request, Scope.EMAILS_READ, mailing)
            shown["may_see_contacts"] = self.permits(request, Scope.CONTACTS_READ, mailing)
        return response

    def context(self, row: Mailing) -> dict[str, Any]:
        """Return what the page of a mailing shows."""
        return {
            "title": row.name,
            **mailing_standing.standing(row),
            "found": mailing_pages.found(row),
            "facts": mailing_pages.facts(row),
            "orders": mailing_orders.possible(row),
            "open": row.state in (Mailing.State.DRAFT, Mailing.State.CHECKED),
            "began": row.started_at is not None,
        }

    def _form(self, request: HttpRequest, mailing: Mailing | None) -> HttpResponse:
        form = MailingForm(request, mailing, request.POST if request.method == "POST" else None)
        if form.is_bound and form.is_valid() and (saved := self._saved(request, form, mailing)):
            return HttpResponseRedirect(reverse(_PAGE, args=[saved.pk]))
        back = reverse(_PAGE, args=[mailing.pk]) if mailing else reverse(_LIST)
        title = f"Change {mailing.name}" if mailing else "New mailing"
        told = {"title": title, "form": form, "object": mailing, "back": back, "longest": LONGEST_SOURCE}
        return self._page(request, "delivery/mailing_form.html", told)

    def _saved(self, request: HttpRequest, form: MailingForm, mailing: Mailing | None) -> Mailing | None:
        """Keep what the valid form says; None: the mailing has begun meanwhile."""
        fields = form.values()
        try:
            with transaction.atomic():
                if mailing is None:
                    mailing = states.create(fields["group"].team, made_by=request.user, **fields)
                else:
                    states.change(mailing, **fields)
        except states.WrongState as refused:
            form.add_error(None, f"{refused} It is not changed any more.")
            return None
        messages.success(request, "It is kept as a draft. Check it next; nothing is sent by that.")
        return mailing

    def _compose(self, request: HttpRequest) -> HttpResponse:
        """Answer the email of what stands in the form, as one of the group gets it."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        form = MailingForm(request, None, request.POST)
        form.full_clean()
        mailing = form.draft()
        return JsonResponse(mailing_previews.of(mailing, mailing_previews.first(mailing)))

    def _edit(self, request: HttpRequest, mailing: Mailing) -> HttpResponse:
        if mailing.state not in (Mailing.State.DRAFT, Mailing.State.CHECKED):
            messages.warning(request, f"The mailing is {mailing.state}: it is not changed any more.")
            return HttpResponseRedirect(reverse(_PAGE, args=[mailing.pk]))
        return self._form(request, mailing)

    def _progress(self, request: HttpRequest, mailing: Mailing) -> HttpResponse:
        context = {"object": mailing, **mailing_standing.standing(mailing)}
        return TemplateResponse(request, "delivery/mailing_progress.html", context)

    def _recipients(self, request: HttpRequest, mailing: Mailing) -> Any:
        """Return what became of each as a file for a spreadsheet; of those in one state, if that is asked for."""
        rows = progress.recipients(mailing)
        if state := mailing_pages.state_of(request.GET):
            rows = rows.filter(state=state)
        lines = exports.recipients(rows, for_spreadsheet=True, delimiter=";")
        response = Streamed(lines, content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = 'attachment; filename="recipients.csv"'
        return response

    def _try(self, request: HttpRequest, mailing: Mailing) -> HttpResponse:
        """Show it as a contact gets it, and where a test of it is sent."""
        return self._tried(
            request, mailing, TestForm(initial={"contact": mailing_previews.first(mailing).email})
        )

    def _tried(self, request: HttpRequest, mailing: Mailing, form: TestForm) -> HttpResponse:
        told = {
            "title": f"Preview of {mailing.name}",
            "object": mailing,
            "form": form,
            "contacts": mailing_previews.contacts(mailing),
            "may_change": self.permits(request, self.write_scope, mailing),
        }
        return self._page(request, "delivery/mailing_try.html", told)

    def _written(self, request: HttpRequest, mailing: Mailing) -> HttpResponse:
        """Answer the email as the contact that is named gets it."""
        contact = self._contact(request, mailing)
        if contact is None:
            return JsonResponse({"faults": ["There is no contact with this address."]})
        return JsonResponse(mailing_previews.of(mailing, contact))

    def _test(self, request: HttpRequest, mailing: Mailing) -> HttpResponse:
        """Send it to others, with the data of a contact."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        form, contact = TestForm(request.POST), self._contact(request, mailing)
        if form.is_valid() and contact is None:
            form.add_error("contact", "There is no contact with this address.")
        elif form.is_valid() and not form.cleaned_data["to"]:
            form.add_error("to", "Name somebody who gets the test.")
        elif (
            contact
            and form.is_valid()
            and mailing_previews.send(request, mailing, contact, form.cleaned_data["to"])
        ):
            return HttpResponseRedirect(reverse("admin:delivery_mailing_try", args=[mailing.pk]))
        return self._tried(request, mailing, form)

    def _contact(self, request: HttpRequest, mailing: Mailing) -> Contact | None:
        """Return the contact that is named, of the mailing's team; unless one is named, the first of its group."""
        named = request.POST.get("contact", "").strip()
        if not named:
            return mailing_previews.first(mailing)
        mine = permissions.visible(request, contacts.named(mailing.team, named), Scope.CONTACTS_READ)
        return mine.first()

    def _ordering(self, order: Order) -> View:
        """Return the view of an order: what needs a question is asked on GET, and done on POST."""

        def act(request: HttpRequest, mailing: Mailing) -> HttpResponse:
            if request.method == "POST":
                return self._obeyed(request, mailing, order)
            return self._ask(request, mailing, order) if order.question else HttpResponseNotAllowed(["POST"])

        return act

    def _obeyed(self, request: HttpRequest, mailing: Mailing, order: Order) -> HttpResponse:
        done = mailing_orders.obey(request, mailing, order)
        if done and order is mailing_orders.CHECK:
            run.check_while_waited_for(mailing)  # the page follows one that takes longer
        gone = done and order is mailing_orders.DISCARD
        return HttpResponseRedirect(reverse(_LIST) if gone else reverse(_PAGE, args=[mailing.pk]))

    def _ask(self, request: HttpRequest, mailing: Mailing, order: Order) -> HttpResponse:
        back = reverse(_PAGE, args=[mailing.pk])
        if order not in mailing_orders.possible(mailing):
            messages.warning(request, f"The mailing is {mailing.state}; that is not possible now.")
            return HttpResponseRedirect(back)
        try:
            asked = mailing_orders.asked(mailing, order)
        except NotReady as lacking:
            messages.error(request, said(lacking))
            return HttpResponseRedirect(back)
        return self._page(request, "delivery/mailing_ask.html", asked | {"back": back})

    def _about(self, word: str, scope: str, view: View) -> URLPattern:
        """Return the path of something about a mailing, for which the person has this scope and that of reading."""

        @scoped(scope)
        def inner(request: HttpRequest, pk: Any) -> HttpResponse:
            mailing = self.find(request, str(pk), scope)
            return self.not_here(request) if mailing is None else view(request, mailing)

        name = f"delivery_mailing_{word}"
        return path(f"<uuid:pk>/{word}/", self.admin_site.admin_view(inner), name=name)

    def _page(self, request: HttpRequest, template: str, context: Mapping[str, Any]) -> HttpResponse:
        site = self.admin_site.each_context(request)
        return TemplateResponse(request, template, {**site, "opts": self.opts, **context})

    def _first_steps(self, request: HttpRequest) -> list[tuple[bool, str, str, str]]:
        mine = {
            model: permissions.visible(request, model.objects.all(), Scope.MAILINGS_READ)
            for model in (Group, Template)
        }
        return mailing_pages.first_steps(
            mine[Group].exists(), mine[Template].filter(versions__is_current=True).exists()
        )

    @base.display(description="State", label=mailing_standing.COLOURS)
    def shown_state(self, mailing: Mailing) -> str:
        """Show the state."""
        return "checking" if mailing_standing.is_checking(mailing) else mailing.state

    @admin.display(description="Progress")
    def sent(self, mailing: Mailing) -> SafeString | str:
        """Show how many are behind it, of how many."""
        return mailing_standing.bar(mailing)

    @admin.display(description="Pace")
    def pace_shown(self, mailing: Mailing) -> str:
        """Show how many a second leave."""
        return mailing_standing.pace(mailing) or "–"

    @admin.display(description="Left")
    def left(self, mailing: Mailing) -> str:
        """Show how long it will still take."""
        return mailing_standing.left(mailing)

    @admin.display(description="Started")
    def started(self, mailing: Mailing) -> SafeString | str:
        """Show when it was started."""
        return pages.moment(mailing.started_at) if mailing.started_at else "–"
