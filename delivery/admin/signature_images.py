"""The page of a signature's images: seen, put in, taken out."""

import base64
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from delivery.admin import base, pages
from delivery.content import filenames
from delivery.library import images
from delivery.models import Signature, SignatureImage


class ImageForm(forms.Form):
    """An image, and how the signature's HTML calls it."""

    file = forms.FileField(
        label="Image", widget=forms.FileInput(attrs={"class": "gm-input", "accept": ",".join(images.TYPES)})
    )
    name = forms.CharField(
        max_length=100,
        widget=base.Line(attrs={"placeholder": "logo", "autocomplete": "off", "spellcheck": "false"}),
        help_text='How the HTML calls it: logo is shown by <img src="cid:logo" alt="Example Ltd">.',
    )

    def put_into(self, signature: Signature) -> bool:
        """Put the image of the valid form in, and tell whether it was taken; if not, the form says why."""
        file = self.cleaned_data["file"]
        try:
            images.add(signature, name=self.cleaned_data["name"], filename=file.name, content=file.read())
        except (images.Refused, filenames.InvalidFilename) as refused:
            self.add_error("file", str(refused))
            return False
        return True


def page(model_admin: Any, request: HttpRequest, signature: Signature) -> HttpResponse:
    """Show the images; on POST put one in, or take one out."""
    here = reverse("admin:delivery_signature_images", args=[signature.pk])
    if request.method == "POST" and "remove" in request.POST:
        images.remove(signature, pages.number(request.POST["remove"]))
        messages.success(request, "The image is taken out.")
        return HttpResponseRedirect(here)
    form = ImageForm(request.POST, request.FILES) if request.method == "POST" else ImageForm()
    if form.is_bound and form.is_valid() and form.put_into(signature):
        messages.success(request, f"The HTML may show it now: cid:{form.cleaned_data['name']}")
        return HttpResponseRedirect(here)
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "object": signature,
        "title": f"Images of {signature}",
        "form": form,
        "images": [_shown(signature, image) for image in images.of(signature)],
        "back": reverse("admin:delivery_signature_change", args=[signature.pk]),
    }
    return TemplateResponse(request, "delivery/signature_images.html", context)


def inline(html: str, signature: Signature) -> str:
    """Return the HTML of an email for a preview, with the signature's images themselves instead of their names."""
    for image in images.of(signature):
        html = html.replace(f"cid:{image.content_id}.{signature.pk.hex}", _data(image))
    return html


def _shown(signature: Signature, image: SignatureImage) -> dict[str, Any]:
    used = f"cid:{image.content_id}" in signature.html
    return {"row": image, "bytes": len(image.content), "data": _data(image), "is_used": used}


def _data(image: SignatureImage) -> str:
    return f"data:{image.content_type};base64,{base64.b64encode(bytes(image.content)).decode()}"
