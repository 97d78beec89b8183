"""Response headers that depend only on the path."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
# Scripts only from our own files, and no text becomes one. The admin's theme has style attributes.
ADMIN = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


class ContentSecurityPolicy:
    """Add the Content-Security-Policy of the admin or the API to every answer that has none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Add the header to the view's response."""
        response = self.get_response(request)
        policy = ADMIN if request.path.startswith("/admin/") else NOTHING
        response.headers.setdefault("Content-Security-Policy", policy)
        return response
