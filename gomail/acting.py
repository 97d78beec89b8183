"""Who acts in a request: the person who has logged in, or the API key; asked for when something is recorded."""

from collections.abc import Callable

from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, HttpResponse

from delivery.access import actor
from delivery.access.actor import Actor, Kind
from delivery.models import ApiKey


class Acting:
    """Let `actor.current()` name who acts, with the client's address and the request's name."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Ask nothing yet: who it is costs queries, and the views find out."""
        with actor.acting(lambda: _who(request)):
            return self.get_response(request)


def _who(request: HttpRequest) -> Actor:
    kind, id, name = _named(request)
    return Actor(
        kind=kind,
        id=id,
        name=name,
        address=request.META.get("REMOTE_ADDR") or None,  # the client's: TrustedProxies has seen to it
        request_id=getattr(request, "request_id", None),
    )


def _named(request: HttpRequest) -> tuple[Kind, str, str]:
    key = getattr(request, "auth", None)  # set by REST framework
    if isinstance(key, ApiKey):
        return "key", key.public_id, str(key)
    user = getattr(request, "user", None)
    if isinstance(user, AbstractBaseUser) and user.is_authenticated:
        return "member", str(user.pk), user.get_username()
    return "key", "", "without an API key"
