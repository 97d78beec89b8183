"""X-Request-ID: the name of a request, in its answer and in the audit. A client may give its own."""

import re
import secrets
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from delivery.counting import context, spans

HEADER: Final = "X-Request-ID"
IN_ENVIRON: Final = "HTTP_X_REQUEST_ID"
BUSY_WITH: Final = "gomail.busy_with"  # in the environ: ids that became known, for the line of the request
_SAFE: Final = re.compile("[A-Za-z0-9._-]{1,64}")


def of(environ: Mapping[str, Any]) -> str:
    """Return the client's own name for the request if it is a safe token, else a new one."""
    return safe(environ.get(IN_ENVIRON, ""))


def safe(said: str) -> str:
    """Return what was said if it is a safe token, else a new one."""
    return said if _SAFE.fullmatch(said) else secrets.token_hex(16)


class RequestId:
    """Name each request, and say the name in its answer: the outermost middleware, so that no answer lacks it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Leave the name on the request for all who come after."""
        request.request_id = of(request.META)  # type: ignore[attr-defined]
        with context.about(request=request.request_id) as place:  # type: ignore[attr-defined]
            request.META[BUSY_WITH] = place
            response = self._traced(request)
        response.headers[HEADER] = request.request_id  # type: ignore[attr-defined]
        return response

    def _traced(self, request: HttpRequest) -> HttpResponse:
        """Answer within a span, where there are any; it is named by the route: a path may open something."""
        method = request.method or ""
        with spans.span(method, kind="SERVER", environ=request.META) as span:
            response = self.get_response(request)
            if span is not None:
                route = request.resolver_match.route if request.resolver_match else ""
                span.update_name(f"{method} {route}".rstrip())
                facts = {"http.request.method": method, "http.route": route}
                for name, fact in {**facts, "http.response.status_code": response.status_code}.items():
                    span.set_attribute(name, fact)
                if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    spans.fail(span, str(response.status_code))
            return response
