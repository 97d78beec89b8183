"""Who asks, and whether they may."""

import re
from collections.abc import Mapping
from typing import Any, cast

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from delivery.access import keys
from delivery.models import ApiKey, Owner

_TOKEN = re.compile("[!-~]{1,200}")  # nothing else is worth a question to the database


# Without keys any web page could post a form here; browsers say where a request comes from.
_OWN_PAGES = {"none", "same-origin"}


class BearerKey(BaseAuthentication):
    """`Authorization: Bearer <api key>`."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey] | None:
        """Return the key as request.auth, or None when the request brings none."""
        if not request.META.get("HTTP_AUTHORIZATION"):
            return None
        found = _find(request.META)
        if found is None:
            raise AuthenticationFailed
        keys.note_use(found)
        return None, found

    def authenticate_header(self, request: Request) -> str:
        """Make REST framework answer 401."""
        return "Bearer"


class KeyHasScope(BasePermission):
    """The key has the view's `scope`; without a key only where settings ask for none."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Let in what is allowed; a missing key is another answer than a missing scope."""
        used = key(request)
        if used is None:
            if settings.API_KEY_REQUIRED:
                raise NotAuthenticated
            return request.META.get("HTTP_SEC_FETCH_SITE", "none") in _OWN_PAGES
        return view.scope in used.scopes


def admits(environ: Mapping[str, Any]) -> bool:
    """Tell, by its head alone, whether a request's body is worth reading: not if the answer is going to be 401."""
    path = environ.get("PATH_INFO", "")
    if not path.startswith("/api") and path != "/email":
        return True
    if not environ.get("HTTP_AUTHORIZATION"):
        return not settings.API_KEY_REQUIRED
    close_old_connections()  # what Django does before a request, which this is not yet
    try:
        return _find(environ) is not None
    except (OperationalError, InterfaceError):
        return True  # the request will meet the same, and be answered accordingly


def _find(environ: Mapping[str, Any]) -> ApiKey | None:
    scheme, _, token = environ["HTTP_AUTHORIZATION"].partition(" ")
    token = token.strip()
    return keys.find(token) if scheme.lower() == "bearer" and _TOKEN.fullmatch(token) else None


def key(request: Request) -> ApiKey | None:
    """Return the API key that the request came with."""
    return cast("ApiKey | None", request.auth)


def owner(request: Request) -> Owner | None:
    """Return whose emails this request sends and sees; None owns those sent without a key."""
    used = key(request)
    return used.owner if used else None
