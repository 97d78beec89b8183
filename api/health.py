"""For load balancers and monitoring: no key is asked for, so nothing is told but the state of things."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from delivery.monitoring import health
from delivery.monitoring.health import Health

_NOT_KEPT = {"Cache-Control": "no-store"}


class LiveSerializer(serializers.Serializer[Any]):
    """The process answers."""

    status = serializers.ChoiceField([("live", "live")])


class ProviderHealthSerializer(serializers.Serializer[Any]):
    """How one provider stands."""

    state = serializers.CharField(help_text="in use, paused, not used, being tried or out of service")
    check = serializers.CharField(help_text="what it last said of itself: ready, not ready or not asked")


class HealthSerializer(serializers.Serializer[Health]):
    """Whether emails are taken on, and whether every provider is well."""

    status = serializers.ChoiceField([health.READY, health.DEGRADED, health.UNAVAILABLE])
    database = serializers.CharField(help_text="ok, not migrated or cannot be used")
    queue = serializers.CharField(help_text="ok or full: further emails are refused until some are sent")
    disk = serializers.CharField(help_text="ok or nearly full: emails are refused until there is room")
    workers = serializers.IntegerField(
        help_text="delivery workers that are running; without one nothing that waits is sent"
    )
    providers = serializers.DictField(
        child=ProviderHealthSerializer(), help_text="by name, in order of preference"
    )


class Unguarded(APIView):
    """A view for everybody that looks for no key."""

    authentication_classes = ()
    permission_classes = ()
    http_method_names = ("get", "head")


class Live(Unguarded):
    """Whether the process answers: it does."""

    @extend_schema(operation_id="health_live", auth=[], responses=LiveSerializer)
    def get(self, request: Request) -> Response:
        """Answer without looking at anything."""
        return Response({"status": "live"}, headers=_NOT_KEPT)


class Ready(Unguarded):
    """Whether emails are taken on."""

    @extend_schema(
        operation_id="health_ready", auth=[], responses=dict.fromkeys((200, 503), HealthSerializer)
    )
    def get(self, request: Request) -> Response:
        """Answer 200 while emails are taken on, even if no provider can be used just now; 503 otherwise."""
        found = health.look()
        status = 503 if found.status == health.UNAVAILABLE else 200
        return Response(HealthSerializer(found).data, status=status, headers=_NOT_KEPT)
