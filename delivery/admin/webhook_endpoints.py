"""The pages of endpoints of webhooks: made, watched, tested, switched on and off, given a new secret."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern
from django.utils.cache import add_never_cache_headers
from django.utils.safestring import SafeString

from delivery.access.scopes import Scope
from delivery.admin import base, pages, webhook_lists, webhook_pages
from delivery.models import WebhookEndpoint
from delivery.webhooks import endpoints, kinds, post


class EndpointForm(base.OfTeams):
    """The form for a new endpoint."""

    url = base.OneLine(
        label="URL",
        max_length=post.LONGEST_URL,
        widget=base.Line(attrs={"autocomplete": "off", "placeholder": "https://shop.example.org/gomail"}),
    )
    heard = forms.MultipleChoiceField(
        label="Listens to",
        required=False,
        choices=[(name, name) for name in kinds.ALL],
        widget=base.Checkboxes,
        help_text="None: everything.",
    )
    description = base.OneLine(
        max_length=200, required=False, widget=base.Line(attrs={"autocomplete": "off"})
    )

    class Meta:
        model = WebhookEndpoint
        fields = ("team",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Say whose events it is told of."""
        super().__init__(*args, **kwargs)
        self.fields["team"].help_text = "It is told of the team's emails. None: of those sent without a key."

    def clean_url(self) -> str:
        """Refuse a URL that webhooks may not go to."""
        url = str(self.cleaned_data["url"])
        try:
            post.check(url)
        except post.Forbidden as problem:
            raise forms.ValidationError(str(problem)) from problem
        return url

    def clean(self) -> dict[str, Any]:
        """Refuse one more than a team may have."""
        cleaned: dict[str, Any] = super().clean() or {}
        if endpoints.of(cleaned.get("team")).count() >= endpoints.MOST:
            raise forms.ValidationError(f"This team has {endpoints.MOST} endpoints already.")
        return cleaned


@admin.register(WebhookEndpoint)
class EndpointAdmin(webhook_lists.LogAdmin):
    """Endpoints are made here or by their teams through the API; then they are watched, and switched on and off."""

    read_scope, write_scope, team_path = Scope.WEBHOOKS_READ, Scope.WEBHOOKS_WRITE, "team"
    form = EndpointForm

    list_display = ("place", "team", "hears", "state", "created")
    list_select_related = ("team",)
    search_fields = ("url", "team__name", "description")
    search_help_text = "A part of a URL, a team, or a description"
    template = "delivery/webhook_endpoint.html"
    missing = "There is no such endpoint."

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        """Leave out what was deleted, and the secrets."""
        rows = super().get_queryset(request).filter(deleted_at=None).select_related("team")
        return rows.defer("secret", "previous_secret")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Require the scope, which ReadOnlyAdmin ignores."""
        return self.permits(request, self.write_scope)

    def get_fieldsets(self, request: HttpRequest, obj: WebhookEndpoint | None = None) -> Any:
        """Show the form's fields."""
        return [(None, {"fields": ("team", "url", "heard", "description")})]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Offer one button only, which leads to the page with the secret."""
        one = {"show_save_and_add_another": False, "show_save_and_continue": False, **(extra_context or {})}
        return super().add_view(request, form_url, one)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Make the endpoint; its secret is shown by the answer alone."""
        if change:
            raise PermissionDenied
        asked = form.cleaned_data
        made = endpoints.create(
            asked["team"], url=asked["url"], events=asked["heard"], description=asked["description"]
        )
        obj.__dict__.update({name: value for name, value in made.__dict__.items() if name != "_state"})
        obj._state.adding = False

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the secret."""
        return self._secret(request, obj)

    def get_urls(self) -> list[URLPattern]:
        """Add the orders."""
        orders = {
            "switch-on": self._switch_on,
            "switch-off": self._switch_off,
            "test": self._test,
            "rotate": self._rotate,
        }
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
            messages.error(request, webhook_lists.OFF)
        else:
            messages.success(request, "A test will be posted. Reload this page to see what it answered.")

    def _rotate(self, request: HttpRequest, row: WebhookEndpoint) -> HttpResponse:
        endpoints.rotate(WebhookEndpoint.objects.get(pk=row.pk))
        self.log_change(request, row, "Made a new secret.")
        return self._secret(request, WebhookEndpoint.objects.get(pk=row.pk))

    def _secret(self, request: HttpRequest, row: WebhookEndpoint) -> HttpResponse:
        """Show the secret of a new endpoint, or a new one; it appears in this response only."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Secret of the webhooks",
        }
        response = TemplateResponse(request, "delivery/webhook_secret.html", {**context, "endpoint": row})
        add_never_cache_headers(response)
        return response

    @admin.display(description="URL")
    def place(self, row: WebhookEndpoint) -> SafeString:
        """Show the URL, cut."""
        return webhook_lists.url(row)

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
