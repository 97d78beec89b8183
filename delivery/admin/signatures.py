"""The pages of signatures: what is put under emails, with a preview beside."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path

from delivery.access.scopes import Scope
from delivery.admin import base, files, pages, signature_images
from delivery.admin.names import Name
from delivery.admin.permissions import scoped
from delivery.content import signatures as content
from delivery.content.template_sources import Unpublishable
from delivery.content.templates import RenderFault
from delivery.library import signatures
from delivery.models import Signature
from providers.message import Mailbox

_LONGEST = 64 * 1024
_FIELDS = ("name", "kind", "match", "match_value", "position", "once", "enabled", "html", "text")


class SignatureForm(base.OfTeams):
    """A signature; its images have a page of their own."""

    name = Name(max_length=100)
    match_value = base.OneLine(
        max_length=254,
        label="Address, domain or group",
        widget=base.Line(attrs={"autocomplete": "off", "placeholder": "sales@example.org"}),
    )
    html = forms.CharField(
        label="HTML",
        required=False,
        max_length=_LONGEST,
        widget=base.Lines(attrs={"rows": 8, "spellcheck": "false"}),
        help_text="Variables: " + ", ".join(f"{{{{ {name} }}}}" for name in signatures.VARIABLES),
    )
    text = forms.CharField(
        required=False,
        max_length=_LONGEST,
        strip=False,
        widget=base.Lines(attrs={"rows": 4}),
        help_text="Empty: made of the HTML.",
    )

    class Meta:
        model = Signature
        fields = ("team", "kind", "match", "position", "once", "enabled")

    def clean(self) -> dict[str, Any]:
        """Refuse what could not be put under an email."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors:
            return cleaned
        given = {name: cleaned[name] for name in _FIELDS}
        try:
            signatures.check(Signature(team=cleaned.get("team"), **given))
        except signatures.InvalidMatch as error:
            raise forms.ValidationError({"match_value": str(error)}) from error
        except Unpublishable as refused:
            raise forms.ValidationError({"html": [str(fault) for fault in refused.faults]}) from refused
        return cleaned


@admin.register(Signature)
class SignatureAdmin(base.ModelAdmin):
    """Signatures and disclaimers, by whom emails are from and to."""

    read_scope, write_scope, team_path = Scope.SIGNATURES_READ, Scope.SIGNATURES_WRITE, "team"
    form = SignatureForm
    list_display = ("name", "match", "match_value", "kind", "enabled", "team")
    list_filter = (("kind", base.ChoicesFilter), ("match", base.ChoicesFilter), ("team", base.TeamFilter))
    list_select_related = ("team",)
    list_per_page = 50
    search_fields = ("name", "match_value")
    actions = None
    actions_detail = ("images",)
    change_form_after_template = "delivery/signature_preview.html"

    def get_fieldsets(self, request: HttpRequest, obj: Signature | None = None) -> Any:
        """Show the form's fields."""
        return [(None, {"fields": ("team", *_FIELDS)})]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Make or change it."""
        given = {name: form.cleaned_data[name] for name in _FIELDS}
        if change:
            signatures.change(obj, team=form.cleaned_data["team"], **given)
            return
        made = signatures.create(form.cleaned_data["team"], **given)
        obj.__dict__.update({name: value for name, value in made.__dict__.items() if name != "_state"})
        obj._state.adding = False

    def delete_model(self, request: HttpRequest, obj: Signature) -> None:
        """Delete it; emails that have it keep it."""
        signatures.delete(obj)

    @base.action(description="Images…", icon="image", url_path="images")
    @scoped(Scope.SIGNATURES_WRITE)
    def images(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the images of a signature, and put them in and take them out."""
        mine = self.rows(request, Scope.SIGNATURES_WRITE)
        return signature_images.page(self, request, get_object_or_404(mine, pk=pages.id_of(object_id)))

    def get_urls(self) -> list[URLPattern]:
        """Add the preview."""
        view = self.admin_site.admin_view(scoped(Scope.SIGNATURES_READ)(self._preview))
        return [path("preview/", view, name="delivery_signature_preview"), *super().get_urls()]

    def _preview(self, request: HttpRequest) -> HttpResponse:
        """Answer an email with what stands in the form."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        html, text = (request.POST.get(name, "")[:_LONGEST] for name in ("html", "text"))
        known = self._known(request)
        signature = Signature(html=html, text=text, position=request.POST.get("position", ""))
        signature.pk = known.pk if known else signature.pk
        try:
            signatures.check_content(signature)
            to = Mailbox(address="bob@example.net", name="Bob")
            piece = signatures.piece(signature, Mailbox(address="ann@example.org", name="Ann Lee"), to)
        except Unpublishable as refused:
            return JsonResponse({"faults": [str(fault) for fault in refused.faults]})
        except RenderFault as fault:
            return JsonResponse({"faults": [str(fault)]})
        answer = '<p>Thank you!</p><blockquote type="cite"><p>What Bob has written</p></blockquote>'
        signed, plain, _ = content.signed(answer, "Thank you!\n\n> What Bob has written\n", [piece])
        shown = signature_images.inline(files.harmless(signed), known) if known else files.harmless(signed)
        return JsonResponse({"subject": "Re: Hello", "html": shown, "text": plain, "faults": []})

    def _known(self, request: HttpRequest) -> Signature | None:
        """Return the signature that is being changed, for its images; None for a new one."""
        named = request.GET.get("of", "")
        return (
            self.rows(request, Scope.SIGNATURES_READ).filter(pk=pages.id_of(named)).first() if named else None
        )
