"""Serves parts of an email unchanged. The content is untrusted and must not run with the admin's privileges."""

import re
from collections.abc import Iterator
from itertools import chain
from typing import TypeVar
from uuid import UUID

from django.http import FileResponse, Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header

from delivery import bundles
from delivery.bundles import Bundle
from delivery.content import links
from delivery.models import Attachment, Email, ProviderEvent, Recipient
from providers import errors
from providers.events import Kind
from providers.mime import build, content_types
from providers.wire import body

R = TypeVar("R", bound=HttpResponseBase)

_MOST_SOURCE = 200_000  # bytes of a message that a page shows
_HARMLESS = frozenset({"application/pdf", "image/png", "image/jpeg", "image/gif", "text/plain"})
_BODY_POLICY = (
    "sandbox; default-src 'none'; img-src data: cid:; style-src 'unsafe-inline'; frame-ancestors 'self'"
)
_FILE_POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'"
# Tags that contact other hosts in spite of the policy: Chromium preconnects to a link's or frame's target first.
_CONNECTING = re.compile(r"<(?=link|meta|base|i?frame|object|embed|portal|fencedframe)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def preview(pk: UUID) -> HttpResponse:
    """Return the HTML body, for a sandboxed frame."""
    html = get_object_or_404(Email.objects.only("html_body"), pk=pk).html_body
    response = HttpResponse(harmless(html), content_type="text/html; charset=utf-8")
    return _confined(response, _BODY_POLICY, frame="SAMEORIGIN")


def harmless(html: str) -> str:
    """Return HTML without the tags that contact other hosts; it is still for a sandboxed frame alone."""
    return _CONNECTING.sub("<x-", html)


def attachment(pk: UUID, file: int) -> FileResponse:
    """Return an attachment as a download, never inline."""
    row = get_object_or_404(Attachment, pk=file, email=pk)
    kind = content_types.bare(row.content_type)
    if row.pruned_at:
        raise Http404(f"The content of {row.filename} is not kept any more.")
    try:
        body.verify([bundles.file(row)])
        content = row.open()
    except errors.NotAccepted as error:
        raise Http404(error.detail) from error
    response = FileResponse(content, content_type=kind if kind in _HARMLESS else "application/octet-stream")
    return _kept(response, row.filename)


def raw(pk: UUID) -> StreamingHttpResponse:
    """Return the email as a download, as SES and SMTP send it."""
    message = StreamingHttpResponse(_message(pk), content_type="application/octet-stream")
    return _kept(message, f"{pk}.eml")


def source(pk: UUID) -> tuple[str, bool]:
    """Return the beginning of the same as text, and whether it is the whole of it."""
    read, pieces = b"", _message(pk)
    for piece in pieces:
        read += piece
        if len(read) > _MOST_SOURCE:
            break
    return read[:_MOST_SOURCE].decode("utf-8", "replace"), len(read) <= _MOST_SOURCE


def _message(pk: UUID) -> Iterator[bytes]:
    """Return the pieces of the email once it is known that it can be built; raise Http404 if not."""
    try:
        bundle = bundles.read(pk)
        if not bundle.is_whole():
            raise Http404("The body or an attachment of this email is not kept any more.")
        _restore_offered(bundle)
        message = bundle.message()
        pieces = build.chunks(message)
        first = next(pieces)
        body.verify(message.attachments)
    except Email.DoesNotExist as error:
        raise Http404("There is no such email.") from error
    except errors.NotAccepted as error:
        raise Http404(error.detail) from error
    except links.NotSetUp as error:
        raise Http404(f"This email cannot be built: {error}") from error
    except errors.Refused as error:
        raise Http404(f"This email cannot be built: {error.detail}") from error
    return chain([first], pieces)


def _restore_offered(bundle: Bundle) -> None:
    """Put back, in memory, who was offered the email and is suppressed by what the vendor told later."""
    told = ProviderEvent.objects.filter(email=bundle.email, kind=Kind.SUPPRESSED.value)
    named = set(told.values_list("recipient", flat=True))
    for row in bundle.recipients:
        if row.canonical in named or (named and len(bundle.recipients) == 1):
            row.status = Recipient.Status.ACCEPTED


def _kept(response: R, name: str) -> R:
    safe = _CONTROL.sub("_", name) or "file"
    response.headers["Content-Disposition"] = content_disposition_header(True, safe) or "attachment"
    return _confined(response, _FILE_POLICY, frame="DENY")


def _confined(response: R, policy: str, *, frame: str) -> R:
    headers = {
        "Content-Security-Policy": policy,
        "X-Frame-Options": frame,
        "X-Content-Type-Options": "nosniff",
        "X-DNS-Prefetch-Control": "off",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    for name, value in headers.items():
        response.headers[name] = value
    return response
