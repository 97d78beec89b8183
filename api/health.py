"""Health checks for load balancers and monitoring. They need no key, so they reveal nothing confidential."""

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
    """The health of one provider."""

    state = serializers.CharField(
        help_text="whether mail goes by it: in use, paused; or not used, being tried, out of service"
    )
    check = serializers.CharField(
        help_text="its last readiness check: ready, failed or not asked; one that failed does not degrade, mail goes on"
    )


class HealthSerializer(serializers.Serializer[Health]):
    """Whether emails are accepted, and whether mail goes by every provider."""

    status = serializers.ChoiceField([health.READY, health.DEGRADED, health.UNAVAILABLE])
    database = serializers.CharField(
        help_text="ok, not migrated, cannot be used, or after_restore: an older state has come back, and nothing that "
        "was created before is sent until `manage.py after_restore` has been run"
    )
    queue = serializers.CharField(help_text="ok or full: further emails are refused until some are sent")
    disk = serializers.CharField(
        help_text="ok, nearly full: emails are refused until there is room, or what cannot be written"
    )
    scanner = serializers.CharField(
        help_text="the virus scanner: ok, away (emails with attachments wait for it), or off"
    )
    clock = serializers.CharField(
        help_text="ok, or by how much this machine's clock differs from the database's, which is the one that counts"
    )
    workers = serializers.IntegerField(
        help_text="delivery workers that are running; without one no waiting email is sent"
    )
    providers = serializers.DictField(
        child=ProviderHealthSerializer(), help_text="by name, in order of preference"
    )


class Unguarded(APIView):
    """A public view, without an API key."""

    authentication_classes = ()
    permission_classes = ()
    open_query = True
    http_method_names = ("get", "head")


class Live(Unguarded):
    """Whether the process answers."""

    @extend_schema(operation_id="health_live", auth=[], responses=LiveSerializer)
    def get(self, request: Request) -> Response:
        """Answer without any check."""
        return Response({"status": "live"}, headers=_NOT_KEPT)


class Ready(Unguarded):
    """Whether emails are accepted."""

    @extend_schema(
        operation_id="health_ready", auth=[], responses=dict.fromkeys((200, 503), HealthSerializer)
    )
    def get(self, request: Request) -> Response:
        """Answer 200 while emails are accepted, even if no provider can be used now; 503 otherwise."""
        found = health.look()
        status = 503 if found.status == health.UNAVAILABLE else 200
        return Response(HealthSerializer(found).data, status=status, headers=_NOT_KEPT)
