"""The views of webhooks/: validate, call one function, serialize, answer."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from api import parameters
from api.authentication import team
from api.pagination import NewestFirst
from api.parsers import StrictJSONParser
from api.serializers import FailureSerializer
from api.webhooks.serializers import (
    CallSerializer,
    EndpointInSerializer,
    EndpointSerializer,
    NewEndpointSerializer,
    RangeSerializer,
    TestedSerializer,
    ToldSerializer,
    WithSecretSerializer,
)
from delivery.access.scopes import Scope
from delivery.db import clock
from delivery.models import WebhookCall, WebhookEndpoint
from delivery.webhooks import endpoints, replays

_READ = dict.fromkeys((400, 401, 403, 404, 405, 500, 503), FailureSerializer)
_FAILURES = dict.fromkeys((400, 401, 403, 404, 405, 409, 413, 500, 503), FailureSerializer)
_OF_THE_PAGES = ("cursor", "page_size")
_CALL = OpenApiParameter("call", UUID, OpenApiParameter.PATH)


class _OfOwn(generics.GenericAPIView[WebhookEndpoint]):
    """Something about the endpoints of the key's team."""

    http_method_names: tuple[str, ...] = ("post",)
    parser_classes = (StrictJSONParser,)
    serializer_class: Any = EndpointSerializer
    lookup_url_kwarg = "id"

    @property
    def scope(self) -> str:
        """Return the scope: reading and changing need different ones."""
        reads = self.request.method in {"GET", "HEAD"}
        return Scope.WEBHOOKS_READ if reads else Scope.WEBHOOKS_WRITE

    def get_queryset(self) -> QuerySet[WebhookEndpoint]:
        """Return the endpoints of the key's team."""
        return endpoints.of(team(self.request))


class Endpoints(_OfOwn):
    """Your endpoints, newest first."""

    http_method_names = ("get", "head", "post")
    pagination_class = NewestFirst.of("Endpoints")

    @extend_schema(operation_id="webhooks", responses={200: EndpointSerializer(many=True), **_READ})
    def get(self, request: Request) -> Response:
        """List them."""
        return _page(self, self.get_queryset(), EndpointSerializer)

    @extend_schema(
        operation_id="create_webhook",
        request=NewEndpointSerializer,
        responses={201: WithSecretSerializer, **_FAILURES},
    )
    def post(self, request: Request) -> Response:
        """Make one; its secret is in this answer and in no other."""
        serializer = NewEndpointSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        made = endpoints.create(team(request), **serializer.validated_data)
        place = {"Location": reverse("webhook", args=[made.pk])}
        return _shown(made, WithSecretSerializer, status=status.HTTP_201_CREATED, headers=place)


class OneEndpoint(_OfOwn):
    """One endpoint."""

    http_method_names = ("get", "head", "patch", "delete")

    @extend_schema(operation_id="webhook", responses={200: EndpointSerializer, **_READ})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Read it."""
        return _shown(self.get_object())

    @extend_schema(
        operation_id="change_webhook",
        request=EndpointInSerializer,
        responses={200: EndpointSerializer, **_FAILURES},
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change it; switched on again, it starts afresh."""
        serializer = EndpointInSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        endpoint = self.get_object()
        endpoints.change(endpoint, **serializer.validated_data)
        return _shown(endpoint)

    @extend_schema(operation_id="delete_webhook", responses={204: None, **_FAILURES})
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete it: nothing is posted to it any more."""
        endpoints.delete(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)


class Rotate(_OfOwn):
    """A new secret."""

    @extend_schema(
        operation_id="rotate_webhook", request=None, responses={200: WithSecretSerializer, **_FAILURES}
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with a new secret; until `previous_until` calls are signed with the old one, too."""
        endpoint = self.get_object()
        endpoints.rotate(endpoint)
        return _shown(endpoint, WithSecretSerializer)


class SendTest(_OfOwn):
    """A test."""

    @extend_schema(operation_id="test_webhook", request=None, responses={202: TestedSerializer, **_FAILURES})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Have a `webhook.test` posted; calls/ tells what was answered."""
        told = endpoints.send_test(self.get_object())
        return _told("A test will be posted", 1, id=told.pk)


@extend_schema_view(
    get=extend_schema(operation_id="webhook_calls", responses={200: CallSerializer(many=True), **_READ})
)
class Calls(_OfOwn):
    """The calls of an endpoint, newest first."""

    query = {"GET": parameters.OF_PAGES}
    http_method_names = ("get", "head")
    serializer_class = CallSerializer
    pagination_class = NewestFirst.of("Calls")

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List them."""
        calls = WebhookCall.objects.filter(endpoint=self.get_object()).select_related("message")
        return _page(self, calls, CallSerializer)


class ReplayCall(_OfOwn):
    """What one call told, again."""

    @extend_schema(
        operation_id="replay_webhook_call",
        parameters=[_CALL],
        request=None,
        responses={202: ToldSerializer, **_FAILURES},
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Have it posted from its first try on, under the same id."""
        endpoint = self.get_object()
        message = _message_of(endpoint, kwargs["call"])
        return _told("It will be posted again", replays.replay(endpoint, [message]))


class ReplayRange(_OfOwn):
    """What happened in a time, again."""

    @extend_schema(
        operation_id="replay_webhook", request=RangeSerializer, responses={202: ToldSerializer, **_FAILURES}
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Have all of it posted, whatever became of it, each under its id."""
        serializer = RangeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        span = {"until": clock.now(), **serializer.validated_data}
        return _told("They will be posted again", replays.replay_range(self.get_object(), **span))


def _page(view: _OfOwn, rows: Any, serializer: Any) -> Response:
    parameters.refuse_unknown(view.request.query_params, _OF_THE_PAGES)
    return view.get_paginated_response(serializer(view.paginate_queryset(rows), many=True).data)


def _shown(endpoint: WebhookEndpoint, serializer: Any = EndpointSerializer, **how: Any) -> Response:
    return Response({"success": True, "message": "The endpoint", **serializer(endpoint).data}, **how)


def _told(message: str, count: int, **more: Any) -> Response:
    return Response({"success": True, "message": message, "count": count, **more}, status.HTTP_202_ACCEPTED)


def _message_of(endpoint: WebhookEndpoint, call: str) -> UUID:
    try:
        return WebhookCall.objects.get(endpoint=endpoint, pk=UUID(call)).message_id
    except (ValueError, WebhookCall.DoesNotExist):
        raise Http404 from None
