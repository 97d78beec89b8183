"""The pages of templates, layouts and partials: written with the email beside, published, compared."""

import difflib
import json
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, reverse
from django.utils.safestring import SafeString

from delivery.access.scopes import Scope
from delivery.admin import base, files, pages, webhook_lists
from delivery.admin.names import Name
from delivery.admin.pages import Label
from delivery.content import locales, template_sources
from delivery.content.template_sources import Unpublishable, Variable
from delivery.library import previews, templates
from delivery.library.previews import Preview
from delivery.models import Template, TemplateVersion

_STATES: Final = {"published": "success", "draft": "info", "replaced": ""}
_PARTS: Final = ("subject", "html", "mjml", "text")
_SHOWN: Final = 50  # versions


class TemplateForm(base.OfTeams):
    """The form for a new template."""

    name = Name(max_length=100)
    slug = forms.RegexField(
        templates.SLUG.pattern + r"\Z",
        max_length=64,
        widget=base.Line(attrs={"autocomplete": "off", "placeholder": "order-shipped"}),
        help_text="How emails and other templates call it: lower-case letters, digits and hyphens.",
    )

    class Meta:
        model = Template
        fields = ("team", "kind")

    def clean(self) -> dict[str, Any]:
        """Refuse a slug that is taken."""
        cleaned: dict[str, Any] = super().clean() or {}
        if "slug" in cleaned and "kind" in cleaned:
            others = templates.of(cleaned.get("team"), cleaned["kind"]).filter(slug=cleaned["slug"])
            if others.exists():
                raise forms.ValidationError({"slug": "There is another one with this slug."})
        return cleaned


@admin.register(Template)
class TemplateAdmin(webhook_lists.LogAdmin):
    """Templates are made here or over the API; each has a page with an editor and a preview."""

    read_scope, write_scope, team_path = Scope.TEMPLATES_READ, Scope.TEMPLATES_WRITE, "team"
    form = TemplateForm
    list_display = ("name", "kind_shown", "slug", "team", "created")
    list_filter = (("kind", base.ChoicesFilter), ("team", base.TeamFilter))
    list_select_related = ("team",)
    search_fields = ("name", "slug")
    search_help_text = "A part of a name or a slug"
    template = "delivery/template.html"
    missing = "There is no such template."

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Require the scope of changing, which ReadOnlyAdmin ignores."""
        return self.permits(request, self.write_scope)

    def get_fieldsets(self, request: HttpRequest, obj: Template | None = None) -> Any:
        """Show the form's fields."""
        return [(None, {"fields": ("team", "kind", "name", "slug")})]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Make it."""
        if change:
            raise PermissionDenied
        asked = form.cleaned_data
        made = templates.create(asked["team"], kind=asked["kind"], name=asked["name"], slug=asked["slug"])
        obj.__dict__.update({name: value for name, value in made.__dict__.items() if name != "_state"})
        obj._state.adding = False

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Go on to the editor."""
        return HttpResponseRedirect(reverse("admin:delivery_template_change", args=[obj.pk]))

    def get_urls(self) -> list[URLPattern]:
        """Add the orders."""
        orders = {"save": self._save, "publish": self._publish, "preview": self._preview}
        return [*(self.order(word, act) for word, act in orders.items()), *super().get_urls()]

    def find(self, request: HttpRequest, object_id: str, scope: str) -> Any:
        """Note which version of it is asked for."""
        row = super().find(request, object_id, scope)
        if row is not None:
            row.asked_version = request.GET.get("version", "")
        return row

    def context(self, row: Template) -> dict[str, Any]:
        """Return what the page shows."""
        versions = list(row.versions.select_related("layout").order_by("-number")[:_SHOWN])
        asked = [version for version in versions if str(version.number) == getattr(row, "asked_version", "")]
        shown = (asked or versions or [TemplateVersion(template=row, number=0)])[0]
        return {
            "title": row.name,
            "shown": shown,
            "is_draft": shown.published_at is None,
            "uses_mjml": bool(shown.mjml),
            "source": shown.mjml or shown.html,
            "variables": _lines(shown.variables or []),
            "sample": json.dumps(shown.sample or {}, indent=2, ensure_ascii=False),
            "layouts": templates.of(row.team, Template.Kind.LAYOUT).order_by("slug"),
            "versions": [(version, _state(version)) for version in versions],
            "stale": shown.is_current and templates.is_stale(shown),
            "difference": _difference(row, shown),
            "longest": template_sources.LONGEST_SOURCE,
        }

    def _save(self, request: HttpRequest, row: Template) -> HttpResponse:
        """Change the draft that is shown, or make a new one of what was published."""
        back = reverse("admin:delivery_template_change", args=[row.pk])
        try:
            fields = _fields(request, row)
            version = self._draft(request, row)
            if version:
                templates.change_version(version, **fields)
            else:
                version = templates.add_version(row, **fields)
        except (ValueError, templates.InUse, templates.TooMany) as error:
            messages.error(request, str(error) or "There are too many versions.")
            return HttpResponseRedirect(f"{back}?version={request.POST.get('version', '')}")
        if request.POST.get("then") == "publish":
            return self._published(request, version, back)
        messages.success(request, f"Version {version.number} is saved as a draft.")
        return HttpResponseRedirect(f"{back}?version={version.number}")

    def _publish(self, request: HttpRequest, row: Template) -> HttpResponse:
        """Publish a version once more: an older one, or one whose layout has changed."""
        back = reverse("admin:delivery_template_change", args=[row.pk])
        versions = row.versions.select_related("template", "layout")
        found = versions.filter(number=pages.number(request.POST.get("version", ""))).first()
        return self._published(request, found, back) if found else HttpResponseRedirect(back)

    def _published(self, request: HttpRequest, version: TemplateVersion, back: str) -> HttpResponse:
        try:
            templates.publish(version)
        except Unpublishable as refused:
            for fault in refused.faults[:10]:
                messages.error(request, f"{fault.place}: {fault}")
        except templates.InUse as error:
            messages.error(request, str(error))
        except templates.ChangedMeanwhile:
            messages.error(request, "Somebody else has changed the draft meanwhile; look at it.")
        else:
            words = f" for {version.locale}" if version.locale else ""
            messages.success(
                request, f"Version {version.number} is published{words}: emails are written with it."
            )
        return HttpResponseRedirect(f"{back}?version={version.number}")

    def _preview(self, request: HttpRequest, row: Template) -> HttpResponse:
        """Answer the email of what stands in the form, saved or not."""
        try:
            version = TemplateVersion(template=row, number=0, **_fields(request, row))
        except ValueError as error:
            return JsonResponse({"faults": [str(error)]})
        return JsonResponse(shown(previews.of(version, version.sample)))

    def _draft(self, request: HttpRequest, row: Template) -> TemplateVersion | None:
        number = pages.number(request.POST.get("version", ""))
        return row.versions.filter(number=number, published_at=None).first()

    @admin.display(description="Kind")
    def kind_shown(self, row: Template) -> str:
        """Show what it is."""
        return row.get_kind_display()

    @admin.display(description="Created")
    def created(self, row: Template) -> SafeString:
        """Show when it was made."""
        return pages.moment(row.created_at)


def shown(preview: Preview) -> dict[str, Any]:
    """Return a preview for the page's script; the HTML is for a sandboxed frame alone."""
    return {
        "subject": preview.rendered.subject,
        "html": files.harmless(preview.rendered.html),
        "text": preview.rendered.text,
        "missing": list(preview.missing),
        "invalid": list(preview.invalid),
        "unused": list(preview.unused),
        "warnings": list(preview.warnings),
        "faults": [f"{fault.place}: {fault}" for fault in preview.faults],
        "size": preview.size,
    }


def _fields(request: HttpRequest, row: Template) -> dict[str, Any]:
    """Return the fields of a version as they stand in the form; raise ValueError with a sentence."""
    given = request.POST
    kind = "mjml" if given.get("kind") == "mjml" else "html"
    parts = {"subject": given.get("subject", ""), "text": given.get("text", ""), "html": "", "mjml": ""}
    parts[kind] = given.get("source", "")
    if any(len(part) > template_sources.LONGEST_SOURCE for part in parts.values()):
        raise ValueError(f"A part may have {template_sources.LONGEST_SOURCE:,} characters.")
    layout = templates.find(row.team, given.get("layout", ""), Template.Kind.LAYOUT)
    return {
        **{name: part.replace("\r\n", "\n").replace("\x00", "") for name, part in parts.items()},
        "locale": locales.folded(given.get("locale", "").strip()),
        "variables": _variables(given.get("variables", "")),
        "sample": _sample(given.get("sample", "")),
        "layout": layout if row.kind == Template.Kind.TEMPLATE else None,
    }


def _variables(text: str) -> list[dict[str, Any]]:
    """Read one variable a line: `name`, `name: type`, `name?` for one that may be absent, `name = default`."""
    found: list[dict[str, Any]] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        written, _, default = (part.strip() for part in line.partition("="))
        name, _, kind = (part.strip() for part in written.partition(":"))
        required = not name.endswith("?")
        variable = Variable(name=name.rstrip("?"), type=kind or "string", required=required)
        if not template_sources.NAME.fullmatch(variable.name) or variable.type not in template_sources.TYPES:
            raise ValueError(
                f"Variables: {line.strip()[:80]!a} is none; write name, name: list, name? or name = x."
            )
        found.append({**vars(variable), "default": default or None})
    return found


def _lines(variables: list[dict[str, Any]]) -> str:
    """Return variables as they are written in the form."""
    return "\n".join(
        f"{each['name']}{'' if each.get('required', True) else '?'}"
        + (f": {each['type']}" if each.get("type", "string") != "string" else "")
        + (f" = {each['default']}" if each.get("default") is not None else "")
        for each in variables
    )


def _sample(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError as error:
        raise ValueError(f"Sample data: this is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError("Sample data: this is no object, { … }.")  # noqa: TRY004
    return found


def _state(version: TemplateVersion) -> Label:
    word = "published" if version.is_current else "replaced" if version.published_at else "draft"
    return Label(text=word, colour=_STATES[word])


def _difference(row: Template, shown: TemplateVersion) -> list[tuple[str, str]]:
    """Return the lines in which a version differs from the one that is sent in its language, with their sign."""
    current = row.versions.filter(is_current=True, locale=shown.locale).first()
    if current is None or current.pk == shown.pk:
        return []
    found: list[tuple[str, str]] = []
    for name in _PARTS:
        before, after = (str(getattr(each, name)).splitlines() for each in (current, shown))
        lines = list(difflib.unified_diff(before, after, lineterm="", n=2))[2:500]
        found += [("@", name), *((line[:1], line[1:]) for line in lines)] if lines else []
    return found
