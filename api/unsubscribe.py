"""/u/{token}: the page of an unsubscribe link, and what mailbox providers post to it (RFC 8058).

GET changes nothing: scanners follow every link. POST needs no cookie, no login and no particular body, and is answered
with 200 whenever the token is one of ours.
"""

import base64
import hashlib
from typing import Any, Final

from django.http import HttpResponse
from django.shortcuts import render
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from delivery.suppressions import unsubscribing
from delivery.suppressions.unsubscribing import Offer

STYLE: Final = """
:root { color-scheme: light dark; --page: #f4f6f8; --card: #fff; --text: #1f2933; --quiet: #52606d; --deed: #0b7285; }
@media (prefers-color-scheme: dark) {
  :root { --page: #12181f; --card: #1b232c; --text: #e6ebf0; --quiet: #a7b4c0; --deed: #3bc9db; }
}
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--page); color: var(--text);
  font: 1.0625rem/1.55 system-ui, sans-serif; }
main { box-sizing: border-box; width: min(30rem, 100% - 2rem); margin: 1rem; padding: 2rem; border-radius: .75rem;
  background: var(--card); overflow-wrap: anywhere; }
h1 { margin: 0 0 .75rem; font-size: 1.5rem; line-height: 1.25; }
p { margin: 0 0 1.5rem; } p:last-child { margin: 0; } .quiet { color: var(--quiet); font-size: .9375rem; }
button { width: 100%; padding: .8rem 1rem; border: 0; border-radius: .5rem; font: inherit; font-weight: 600;
  background: var(--deed); color: var(--card); cursor: pointer; }
button:focus-visible { outline: 3px solid var(--text); outline-offset: 2px; }
form { margin: 0 0 1.5rem; }
"""
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}


@extend_schema(exclude=True)
class Unsubscribe(APIView):
    """One button. There is no script, and nothing on it names the recipient."""

    open_query = True  # links are written over on their way
    http_method_names = ("get", "head", "post")
    authentication_classes = ()
    permission_classes = ()

    def get(self, request: Request, token: str) -> HttpResponse:
        """Show the button."""
        return _about(request, "ask", unsubscribing.look(token))

    def post(self, request: Request, token: str) -> HttpResponse:
        """Unsubscribe, whatever the body is."""
        unsubscribing.unsubscribe(token)
        return _about(request, "done", unsubscribing.look(token))

    def get_exception_handler(self) -> Any:
        """Answer people with a page where the link is none."""
        usual = super().get_exception_handler()

        def handle(exc: Exception, context: dict[str, Any]) -> Any:
            if isinstance(exc, unsubscribing.NoLink):
                return _page(context["request"], "none", status=404)
            return usual(exc, context)

        return handle


def _about(request: Request, what: str, offer: Offer) -> HttpResponse:
    return _page(request, "test" if offer.is_test else what, offer=offer)


def _page(request: Request, what: str, *, status: int = 200, **context: Any) -> HttpResponse:
    page = render(
        request._request,
        "api/unsubscribe.html",
        {"what": what, "style": STYLE, **context},
        status=status,
    )
    for name, value in _HEADERS.items():
        page.headers[name] = value
    return page
