"""What is the same for every path: headers that are trusted, headers that are sent, and refused logins."""

import logging
import math
from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from api.metrics import UNBELIEVED
from delivery.access.tries import TooManyTries
from gomail import proxies
from gomail.login import pages

log = logging.getLogger(__name__)

NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
# Scripts only from our own files, and no text becomes one. The admin's theme has style attributes.
ADMIN = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


_PAGES = ("/admin/", *pages.PATHS)


class ContentSecurityPolicy:
    """Add the Content-Security-Policy of people's pages or of the API to every answer that has none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Add the header to the view's response."""
        response = self.get_response(request)
        policy = ADMIN if request.path.startswith(_PAGES) else NOTHING
        response.headers.setdefault("Content-Security-Policy", policy)
        return response


class Uncached:
    """Keep the pages of the login out of every cache: they show codes, and open by links."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Say so where the view has said nothing."""
        response = self.get_response(request)
        if request.path.startswith(pages.PATHS):
            response.headers.setdefault("Cache-Control", "no-store")
        return response


class NoNul:
    """Say that there is no resource with a NUL in its name: no row has one, and PostgreSQL takes none as a value."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Leave it to `process_view`: now it is not known what the path names."""
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: object, args: object, named: dict[str, Any]) -> None:
        """Raise what any other name without a resource comes to."""
        if any("\0" in value for value in named.values() if isinstance(value, str)):
            raise Http404


class PeoplesTime:
    """Show and read times in the zone TIME_ZONE on people's pages; the API is in UTC."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Let it hold while the page is made; what is streamed, such as a CSV, is made later, in UTC."""
        if not request.path.startswith(_PAGES):
            return self.get_response(request)
        with timezone.override(settings.PEOPLES_TIME_ZONE):
            return self.get_response(request)


class TrustedProxies:
    """Believe X-Forwarded-For and X-Forwarded-Proto of GOMAIL_TRUSTED_PROXIES, and of nobody else.

    Behind such a proxy the client is the last address in X-Forwarded-For that is none of theirs; what stands before
    it the client may have written itself.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Let nobody further in see a header that is not believed."""
        forwarded = [name for name in request.META if name.startswith("HTTP_X_FORWARDED_")]
        if forwarded:
            _believe(request.META, forwarded)
        return self.get_response(request)


class TriesLimit:
    """Answer 429 where no password and no code is checked now."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Change nothing."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Say when to try again."""
        if not isinstance(exception, TooManyTries):
            return None
        seconds = math.ceil(exception.seconds)
        told = pages.context(request) | {"minutes": math.ceil(seconds / 60), "seconds": seconds}
        answer = render(request, "login/too_many.html", told, status=HTTPStatus.TOO_MANY_REQUESTS)
        answer["Retry-After"], answer["Cache-Control"] = str(seconds), "no-store"
        return answer


def _believe(headers: dict[str, Any], forwarded: list[str]) -> None:
    trusted = tuple(settings.GOMAIL_TRUSTED_PROXIES)
    peer = headers.get("REMOTE_ADDR", "")
    said = {name: headers.pop(name) for name in forwarded}
    if not proxies.are_trusted(peer, trusted):
        headers[UNBELIEVED] = True
        _warn_once()
        return
    if scheme := _last(said.get("HTTP_X_FORWARDED_PROTO", "")):
        headers["HTTP_X_FORWARDED_PROTO"] = scheme
    headers["REMOTE_ADDR"] = proxies.client(said.get("HTTP_X_FORWARDED_FOR", ""), peer, trusted)


def _last(value: str) -> str:
    """Return what our own proxy has said: it comes after what it was told."""
    return value.rpartition(",")[2].strip()


@cache
def _warn_once() -> None:
    log.warning(
        "X-Forwarded-For or X-Forwarded-Proto came from an address that is not in GOMAIL_TRUSTED_PROXIES, and is not "
        "believed. If it is your proxy's, name it there; without it the admin's forms are refused over HTTPS."
    )
