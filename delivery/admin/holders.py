"""Pausing and limiting, on the pages of teams and of keys."""

from typing import Any, Final, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString

from delivery.access import holders, leaving, pauses, terms, usage
from delivery.admin import base, pages
from delivery.admin.permissions import OPERATOR, WRITE, scoped
from delivery.models import ApiKey, Team

_MOST: Final = 1_000_000_000
_FASTEST: Final = 1_000_000
_ORDERS: Final = {"pause": (pauses.pause, "Paused."), "resume": (pauses.resume, "Resumed.")}
_BLANK: Final = "Empty: the default of the settings. 0: no limit."


def _field(label: str, most: int = _MOST) -> forms.IntegerField:
    return forms.IntegerField(label=label, required=False, min_value=0, max_value=most)


class LimitsForm(forms.Form):
    """The limits of a team or a key."""

    per_second = forms.FloatField(
        label="Recipients a second", required=False, min_value=0, max_value=_FASTEST
    )
    burst = _field("Recipients at once", _FASTEST)
    high_per_second = forms.FloatField(
        label="Recipients a second, of priority high alone (empty: it shares the rate of all)",
        required=False,
        min_value=0,
        max_value=_FASTEST,
    )
    high_burst = _field("Recipients at once, of priority high alone", _FASTEST)
    daily = _field("Recipients in 24 hours")
    waiting = _field("Emails that are not finished")
    stored_mb = _field("MiB that are kept")

    def clean_per_second(self) -> float | None:
        """Refuse a rate so small that its nanoseconds are no number of the database."""
        return self._rate("per_second")

    def clean_high_per_second(self) -> float | None:
        """Do the same."""
        return self._rate("high_per_second")

    def _rate(self, name: str) -> float | None:
        value: float | None = self.cleaned_data[name]
        if value and value < 0.001:
            raise forms.ValidationError("A rate is 0, or 0.001 at least.")
        return value


class HeldAdmin(base.ModelAdmin):
    """An admin page of a team or a key, with buttons that pause and limit it."""

    @base.action(description="Pause or resume…", icon="pause", url_path="pause")
    @scoped(WRITE)
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for confirmation on GET; pause, or end the pause, on POST."""
        holder = self._holder(request, object_id)
        if request.method != "POST":
            context = {"waiting": pauses.waiting_of(holder).count(), "title": "Pause"}
            return self._page(request, holder, "delivery/pause.html", context)
        order, word = _ORDERS["resume" if request.POST.get("order") == "resume" else "pause"]
        try:
            changed = order(holder, _person(request))
        except (pauses.NotYours, leaving.Leaving) as refusal:
            return self._refused(request, holder, refusal)
        if changed:
            self.log_change(request, holder, word)
        messages.success(request, f"{holder}: {word.lower()}")
        return HttpResponseRedirect(self._back(holder))

    @base.action(description="Limits…", icon="speed", url_path="limits")
    @scoped(WRITE)
    def limits(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what may be sent and what is left on GET, change it on POST."""
        holder = self._holder(request, object_id)
        form = LimitsForm(request.POST if request.method == "POST" else None, initial=_limits(holder))
        if request.method == "POST" and form.is_valid():
            try:
                holders.set_limits(holder, form.cleaned_data, _person(request))
            except pauses.NotYours as refusal:
                return self._refused(request, holder, refusal)
            self.log_change(request, holder, "Changed the limits.")
            messages.success(request, f"{holder}: the limits count within a second.")
            return HttpResponseRedirect(self._back(holder))
        context = {"form": form, "policies": _policies(holder), "blank": _BLANK, "title": "Limits"}
        return self._page(request, holder, "delivery/limits.html", context)

    @base.display(description="Paused")
    def paused(self, holder: Team | ApiKey) -> SafeString | str:
        """Show since when nothing is taken or sent."""
        return pages.moment(holder.paused_at) if holder.paused_at else "–"

    def _holder(self, request: HttpRequest, object_id: str) -> Team | ApiKey:
        mine = self.rows(request, self.write_scope or OPERATOR)
        found: Team | ApiKey = get_object_or_404(mine, pk=pages.number(object_id))
        return found

    def _refused(self, request: HttpRequest, holder: Team | ApiKey, refusal: Exception) -> HttpResponse:
        messages.error(request, str(refusal))
        return HttpResponseRedirect(self._back(holder))

    def _back(self, holder: Team | ApiKey) -> str:
        return reverse(f"admin:delivery_{self.opts.model_name}_change", args=[holder.pk])

    def _page(
        self, request: HttpRequest, holder: Team | ApiKey, template: str, context: dict[str, Any]
    ) -> HttpResponse:
        shown = {"opts": self.opts, "object": holder, "holder": holder, "back": self._back(holder)}
        return TemplateResponse(
            request, template, {**self.admin_site.each_context(request), **shown, **context}
        )


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)


def _limits(holder: Team | ApiKey) -> dict[str, Any]:
    row = holders.limits_of(holder)
    return {name: getattr(row, name) for name in LimitsForm.base_fields}


def _policies(holder: Team | ApiKey) -> list[usage.Policy]:
    team, key = (holder, None) if isinstance(holder, Team) else (holder.team, holder)
    return [one for each in terms.accounts(team, key) for one in usage.policies(each, usage.of(each))]
