"""The views of keys/: validate, call one function, serialize, answer."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from api import parameters, schemas
from api.api_keys.serializers import (
    ApiKeySerializer,
    KeyChangeSerializer,
    NewKeySerializer,
    OneKeySerializer,
    RevokedSerializer,
    RotatedSerializer,
    RotationSerializer,
    WithTokenSerializer,
)
from api.authentication import KeyHasScope, key, team
from api.errors import ContractError
from api.pagination import NewestFirst
from api.parsers import StrictJSONParser
from api.serializers import FailureSerializer
from delivery.access import key_changes, pauses
from delivery.access.scopes import Scope
from delivery.mailings import revoking
from delivery.models import ApiKey, Team

_READ = dict.fromkeys((400, 401, 403, 404, 405, 500, 503), FailureSerializer)
_FAILURES = dict.fromkeys((400, 401, 403, 404, 405, 409, 413, 500, 503), FailureSerializer)
_WAITING = OpenApiParameter(
    "waiting",
    str,
    enum=("send", "cancel"),
    description="what becomes of the key's emails that wait, and of its mailings that are not over: sent all the same "
    "(default), or cancelled",
)
_OF_THE_PAGES = ("cursor", "page_size")


class _OfOwn(generics.GenericAPIView[ApiKey]):
    """Something about the keys of the key's team."""

    http_method_names: tuple[str, ...] = ("post",)
    permission_classes = (KeyHasScope,)
    parser_classes = (StrictJSONParser,)
    serializer_class: Any = ApiKeySerializer
    lookup_field, lookup_url_kwarg = "public_id", "id"

    @property
    def scope(self) -> str:
        """Return the scope: reading and changing need different ones."""
        return Scope.KEYS_READ if self.request.method in {"GET", "HEAD"} else Scope.KEYS_WRITE

    def get_queryset(self) -> QuerySet[ApiKey]:
        """Return the keys of the key's team that it sees."""
        mine = key_changes.seen_by(key(self.request), team(self.request))
        return mine.select_related("successor_of", "made_with").defer("digest")


class Keys(_OfOwn):
    """Your team's keys, newest first."""

    http_method_names = ("get", "head", "post")
    pagination_class = NewestFirst.of("Keys")

    @extend_schema(operation_id="keys", responses={200: ApiKeySerializer(many=True), **_READ})
    def get(self, request: Request) -> Response:
        """List them, revoked ones too."""
        parameters.refuse_unknown(request.query_params, _OF_THE_PAGES)
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(ApiKeySerializer(page, many=True).data)

    @extend_schema(
        operation_id="create_key",
        request=NewKeySerializer,
        examples=schemas.NEW_KEY,
        responses={201: WithTokenSerializer, **_FAILURES},
    )
    def post(self, request: Request) -> Response:
        """Make one that may no more than yours; its token is in this answer and in no other."""
        serializer = NewKeySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        made, token = key_changes.make(_team(request), key(request), serializer.validated_data)
        shown = WithTokenSerializer(made, context={"token": token})
        return _told("Keep the token now; it is not shown again", shown, 201, _place(made))


class OneKey(_OfOwn):
    """One key."""

    query = {"DELETE": ("waiting",)}
    http_method_names = ("get", "head", "patch", "delete")

    @extend_schema(operation_id="key", responses={200: OneKeySerializer, **_READ})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Read it, and how much it is used."""
        return _told("The key", OneKeySerializer(self.get_object()))

    @extend_schema(
        operation_id="change_key",
        request=KeyChangeSerializer,
        responses={200: ApiKeySerializer, **_FAILURES},
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change it within a second; neither before nor afterwards it may more than yours."""
        serializer = KeyChangeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        changed = self.get_object()
        key_changes.change(changed, key(request), serializer.validated_data)
        return _told("The key", ApiKeySerializer(changed))

    @extend_schema(
        operation_id="revoke_key", parameters=[_WAITING], responses={200: RevokedSerializer, **_FAILURES}
    )
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Revoke it within a second, and say what becomes of its emails and mailings that wait."""
        cancel = _cancels(request)
        emails, mailings = revoking.revoke(self.get_object(), cancel=cancel)
        counts = {
            "waiting": 0 if cancel else emails,
            "cancelled": emails if cancel else 0,
            "mailings": mailings,
        }
        return Response({"success": True, "message": "The key is revoked", **counts})


class RotateKey(_OfOwn):
    """A successor."""

    @extend_schema(
        operation_id="rotate_key", request=RotationSerializer, responses={201: RotatedSerializer, **_FAILURES}
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make a key with the same rights; until `previous_until` both work, then the old one ends by itself."""
        serializer = RotationSerializer(data=request.data or {})
        serializer.is_valid(raise_exception=True)
        seconds = serializer.validated_data.get("overlap", key_changes.OVERLAP.total_seconds())
        old = self.get_object()
        made, token = key_changes.rotate(old, key(request), overlap=timedelta(seconds=seconds))
        shown = RotatedSerializer(made, context={"token": token, "old": old})
        return _told("Keep the token now; it is not shown again", shown, 201, _place(made))


class PauseKey(_OfOwn):
    """A pause."""

    @extend_schema(operation_id="pause_key", request=None, responses={200: ApiKeySerializer, **_FAILURES})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take nothing new from it, and send nothing of it that waits, until it is resumed."""
        paused = self.get_object()
        pauses.pause(paused, key(request))
        return _told("The key is paused", ApiKeySerializer(paused))


class ResumeKey(_OfOwn):
    """The end of a pause."""

    @extend_schema(operation_id="resume_key", request=None, responses={200: ApiKeySerializer, **_FAILURES})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Send what waits; its deadlines move by the length of the pause."""
        resumed = self.get_object()
        key_changes.resume(resumed, key(request))
        return _told("The key is resumed", ApiKeySerializer(resumed))


def _team(request: Request) -> Team:
    found = team(request)
    if found is None:
        raise ContractError("not_authenticated", "A key belongs to a team: make the first one at the shell.")
    return found


def _cancels(request: Request) -> bool:
    asked = request.query_params.get("waiting", "send")
    if asked not in {"send", "cancel"}:
        raise ContractError("malformed_request", "waiting: must be send or cancel.")
    return asked == "cancel"


def _place(made: ApiKey) -> dict[str, str]:
    return {"Location": reverse("key", args=[made.public_id])}


def _told(
    message: str, shown: Any, code: int = status.HTTP_200_OK, headers: dict[str, str] | None = None
) -> Response:
    return Response({"success": True, "message": message, **shown.data}, status=code, headers=headers)
