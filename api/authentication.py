"""Authentication by API key, and permission by scope."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, cast

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import InterfaceError, OperationalError, close_old_connections
from django.http import parse_cookie
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from api.errors import ContractError
from delivery.access import key_use, keys
from delivery.access.sessions import SessionStore
from delivery.counting import context
from delivery.models import ApiKey, Team
from delivery.routing import configured

_EVENTS = "/api/v1/email-service/events/"
_TOKEN = re.compile("[!-~]{1,200}")  # anything else is refused without a query


# Without keys any web page could post a form here; browsers send where a request comes from.
_OWN_PAGES = {"none", "same-origin"}


class BearerKey(BaseAuthentication):
    """`Authorization: Bearer <api key>`."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey] | None:
        """Return the key as request.auth, or None if the request has none; raise for an invalid one."""
        if not request.META.get("HTTP_AUTHORIZATION"):
            return None
        found = _find(request.META)
        if found is None:
            raise AuthenticationFailed
        address = request.META.get("REMOTE_ADDR", "")
        if not keys.may_be_used_from(found, address):
            told = f"This API key may not be used from {address or 'an unknown address'}."
            raise ContractError("network_not_allowed", told)
        key_use.note(found)
        context.note(team=found.team_id)
        return None, found

    def authenticate_header(self, request: Request) -> str:
        """Return the scheme, which makes REST framework answer 401."""
        return "Bearer"


class AnyKey(BasePermission):
    """Require a key, whatever it may do; no key only if API_KEY_REQUIRED is false."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether the request is allowed; raise NotAuthenticated for a missing key, unlike a missing scope."""
        if key(request) is not None:
            return True
        if settings.API_KEY_REQUIRED:
            raise NotAuthenticated
        return request.META.get("HTTP_SEC_FETCH_SITE", "none") in _OWN_PAGES


class KeyHasScope(AnyKey):
    """Require a key with the view's `scope`; no key only if API_KEY_REQUIRED is false."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether the request is allowed."""
        allowed = super().has_permission(request, view)
        if allowed and not may(request, view.scope):
            raise ContractError("scope_missing", f"This needs an API key with the scope {view.scope}.")
        return allowed


def admits(environ: Mapping[str, Any]) -> bool:
    """Tell by the headers alone whether to read a request's body: not if the answer will be 401."""
    path = environ.get("PATH_INFO", "")
    if not path.startswith("/api") and path != "/email":
        return not path.startswith("/admin/") or _is_logged_in(environ)
    if path.startswith(_EVENTS):
        return (
            configured.source(path.removeprefix(_EVENTS).strip("/")) is not None
        )  # it is signed, without a key
    if not environ.get("HTTP_AUTHORIZATION"):
        return not settings.API_KEY_REQUIRED
    close_old_connections()  # Django does this before each request, and this comes earlier
    try:
        return _find(environ) is not None
    except keys.Expired:
        return False
    except (OperationalError, InterfaceError):
        return True  # the request will meet the same error and be answered 503


def _is_logged_in(environ: Mapping[str, Any]) -> bool:
    """Tell whether a large body comes from a person who is logged in: it may be a file of contacts."""
    cookie = parse_cookie(environ.get("HTTP_COOKIE", "")).get(settings.SESSION_COOKIE_NAME)
    close_old_connections()
    with suppress(OperationalError, InterfaceError):
        return cookie is not None and SESSION_KEY in SessionStore(cookie)
    return True  # the request will meet the same error


def whose(environ: Mapping[str, Any], work: Callable[..., bool]) -> int | None:
    """Return the team of a request's key; one that this process does not know yet is looked up by `work`."""
    token = _token(environ)
    if not token:
        return None
    known = keys.team_of(token)
    return keys.team_of(token) if known is None and work(admits, environ) else known


def _find(environ: Mapping[str, Any]) -> ApiKey | None:
    token = _token(environ)
    return keys.find(token) if token else None


def _token(environ: Mapping[str, Any]) -> str | None:
    scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and _TOKEN.fullmatch(token) else None


def key(request: Request) -> ApiKey | None:
    """Return the request's API key."""
    return cast("ApiKey | None", request.auth)


def may(request: Request, scope: str) -> bool:
    """Tell whether the request's key has the scope; where no key is required, a request without one has all."""
    used = key(request)
    return used is None or used.may(scope)


def team(request: Request) -> Team | None:
    """Return the team whose emails this request sends and sees; None: those sent without a key."""
    used = key(request)
    return used.team if used else None
