"""The documentation of the API, generated from the code: OpenAPI 3, its page, and the error codes."""

from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import error_codes
from api.errors import ContractError, shape
from api.forms.parsers import MultiPartParser
from api.negotiation import PreferAccepted

_PAGE_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)

_RESOURCES = {
    "sending": "Hand over an email, or many.",
    "emails": "What became of them: read, search, cancel, reschedule, resend.",
    "suppressions": "Addresses that get no mail.",
    "templates": "What is written once and used in many emails.",
    "layouts": "What stands around templates.",
    "partials": "What templates share.",
    "signatures": "What is put under emails.",
    "contacts": "The people you write to.",
    "groups": "Contacts that get the same mailings.",
    "imports": "Files of contacts.",
    "mailings": "One message to a group.",
    "webhooks": "What GoMail tells your server.",
    "keys": "API keys of your team.",
    "me": "The key of this request.",
    "members": "The people of your team, and their roles.",
    "audit": "Who changed what.",
    "erasures": "Forget a person.",
    "people": "All that is kept of one person.",
    "providers": "How the providers are.",
    "events": "For providers alone: what they tell of mail.",
    "health": "For load balancers and monitoring.",
}
# What the root leads to, by names in urls.py.
_NO_PATHS = {"sending", "events", "health"}
_LINKS = (
    *("docs", "schema", "error-codes", "send-email", "batches"),
    *(name for name in _RESOURCES if name not in _NO_PATHS),
    "health-ready",
)


def each_path_once(endpoints: list[tuple[str, Any, str, Any]]) -> list[tuple[str, Any, str, Any]]:
    """Leave out the paths that are others without their slash at the end; REST framework's generator calls this."""
    paths = {endpoint[0] for endpoint in endpoints}
    return [endpoint for endpoint in endpoints if f"{endpoint[0]}/" not in paths]


def forms_are_required(result: Any, **context: Any) -> Any:
    """Say that a request which may be a form has a body: of a form that we describe, the generator does not know."""
    operations = [operation for path in result["paths"].values() for operation in path.values()]
    for body in (operation.get("requestBody", {}) for operation in operations):
        if MultiPartParser.media_type in body.get("content", {}):
            body["required"] = True
    return result


def resources_are_described(result: Any, **context: Any) -> Any:
    """Say in which order the page shows the resources, and what each is."""
    result["tags"] = [{"name": name, "description": said} for name, said in _RESOURCES.items()]
    return result


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The API key in the OpenAPI document; drf-spectacular finds this class automatically."""

    target_class = "api.authentication.BearerKey"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the scheme."""
        return {"type": "http", "scheme": "bearer", "description": "manage.py create_api_key TEAM makes one."}


class Open(APIView):
    """A public view, without an API key."""

    authentication_classes = ()
    permission_classes = ()


class Root(Open):
    """Where everything is."""

    http_method_names = ("get", "head")

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        """Answer with the address of each resource, and of the documentation."""
        links = {name: request.build_absolute_uri(reverse(name)) for name in _LINKS}
        return Response({"success": True, "message": "GoMail's API", "links": links})


@cache
def _document() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]


@cache
def _written(form: Callable[[], BaseRenderer]) -> Any:
    """Return the document in this form, made once: it takes a second, and no request, row or setting changes it."""
    renderer = form()
    return renderer.render(_document(), renderer.media_type, {})


class Schema(SpectacularAPIView):
    """OpenAPI 3, as YAML or as JSON."""

    content_negotiation_class = PreferAccepted
    open_query = True  # there is only one version, whichever is asked for
    http_method_names = ("get", "head")

    def _get_version_parameter(self, request: Request) -> None:
        """Ignore the requested version: there is only one, and client input must not get into a header."""

    def _get_schema_response(self, request: Request) -> HttpResponse:
        renderer: Any = request.accepted_renderer
        charset = f"; charset={renderer.charset}" if renderer.charset else ""
        headers = {
            "Content-Type": f"{renderer.media_type}{charset}",
            "Content-Disposition": f'inline; filename="GoMail.{renderer.format}"',
        }
        return HttpResponse(_written(renderer.__class__), headers=headers)


@extend_schema(exclude=True)
class Docs(SpectacularSwaggerView):
    """Swagger UI from our own static files: it works without the internet."""

    url_name = "schema"
    open_query = True
    http_method_names = ("get", "head")

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Show the page, with a policy that lets its own scripts run."""
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        response["Content-Security-Policy"] = _PAGE_POLICY
        return response


class ErrorCodes(Open):
    """Every error code: what it means and what to do about it."""

    http_method_names = ("get", "head")

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Any:
        """Answer a browser with a page, other clients with JSON."""
        if "text/html" in request.META.get("HTTP_ACCEPT", ""):
            page = render(
                request._request,
                "api/error_codes.html",
                {"request_codes": error_codes.REQUEST, "field_codes": error_codes.FIELD},
            )
            page["Content-Security-Policy"] = _PAGE_POLICY
            return page
        listed = {name: asdict(code) for name, code in (error_codes.REQUEST | error_codes.FIELD).items()}
        return Response({"success": True, "message": "The error codes", "codes": listed})


@extend_schema(exclude=True)
class UnknownPath(Open):
    """Every other path below /api/."""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Answer 501 to every method."""
        self.headers = self.default_response_headers
        error = ContractError("unknown_path")
        response = Response(shape(error), status=error.status_code)
        response._has_been_logged = True  # type: ignore[attr-defined]  # a stranger's mistake, not an error of the service
        return self.finalize_response(self.initialize_request(request), response)
