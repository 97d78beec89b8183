"""The audit over the API: who did what, when."""

from typing import Any

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.exceptions import NotAuthenticated
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request

from api.authentication import key, team
from api.filters import AuditFilter
from api.pagination import NewestFirst
from api.serializers import FailureSerializer
from delivery.access import audit_log
from delivery.access.scopes import Scope
from delivery.models import AuditEntry

_FAILURES = dict.fromkeys((400, 401, 403, 405, 500, 503), FailureSerializer)


class ActorSerializer(serializers.Serializer[Any]):
    """Who did it."""

    kind = serializers.ChoiceField(AuditEntry.ActorKind.choices)
    id = serializers.CharField(help_text="of the person; the public id of the key; the command")
    name = serializers.CharField(help_text="as it was then")


class ObjectSerializer(serializers.Serializer[Any]):
    """To what."""

    kind = serializers.CharField(help_text="key, team, webhook, suppression, email …")
    id = serializers.CharField()


class ChangeSerializer(serializers.Serializer[AuditEntry]):
    """One change."""

    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    actor = ActorSerializer()
    address = serializers.CharField(allow_null=True, help_text="the client's; null: it came over no network")
    action = serializers.CharField(help_text="what was done: key.revoked")
    object = ObjectSerializer()
    before = serializers.DictField(allow_null=True, help_text="what it was, as far as it has changed")
    after = serializers.DictField(allow_null=True, help_text="what it is since; secrets are cut")
    request_id = serializers.CharField(allow_null=True, help_text="the X-Request-ID of the request")

    def to_representation(self, instance: AuditEntry) -> dict[str, Any]:
        """Return what an export has, too."""
        return audit_log.shape(instance)


class Audit(ListModelMixin, generics.GenericAPIView[AuditEntry]):
    """Who changed what of the team, newest first."""

    http_method_names = ("get", "head")
    scope = Scope.AUDIT_READ
    serializer_class = ChangeSerializer
    filterset_class = AuditFilter
    pagination_class = NewestFirst.of("Changes")

    def get_queryset(self) -> QuerySet[AuditEntry]:
        """Return the entries of the key's team."""
        return AuditEntry.objects.filter(team=team(self.request))

    @extend_schema(
        operation_id="audit",
        responses={
            (200, "application/json"): ChangeSerializer(many=True),
            (200, "application/x-ndjson"): OpenApiTypes.STR,
            **_FAILURES,
        },
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """List them; or export them as JSON lines, the newest 100,000. It always needs a key."""
        if key(request) is None:  # what belongs to no team is the installation's
            raise NotAuthenticated
        if request.query_params.get("format") == AuditFilter.JSON_LINES:
            return audit_log.exported(self.filter_queryset(self.get_queryset()))
        return self.list(request, *args, **kwargs)
