"""Whose key this is, what it may do, and what is left of its limits."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import throttling
from api.authentication import AnyKey, key, team
from api.serializers import FailureSerializer
from delivery.access import reputation, scopes
from delivery.access.usage import Policy

_FAILURES = dict.fromkeys((401, 403, 405, 500, 503), FailureSerializer)


class KeySerializer(serializers.Serializer[Any]):
    """The key of the request."""

    name = serializers.CharField()
    id = serializers.CharField(source="public_id", help_text="the public part, which may be shown")
    scopes = serializers.SerializerMethodField(
        help_text="what it may do; an alias is told as what it stands for"
    )
    from_addresses = serializers.ListField(
        child=serializers.CharField(), help_text="addresses and @domains it may send from; empty: any"
    )
    networks = serializers.SerializerMethodField(help_text="from where it may be used; empty: anywhere")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    paused = serializers.SerializerMethodField()

    def get_scopes(self, used: Any) -> list[str]:
        """Return the names, in order."""
        return sorted(scopes.expand(used.scopes))

    def get_networks(self, used: Any) -> list[str]:
        """Return them as they are kept."""
        return list(used.networks or [])

    def get_paused(self, used: Any) -> bool:
        """Tell whether nothing is taken from this key."""
        return used.paused_at is not None


class ReputationSerializer(serializers.Serializer[Any]):
    """What became of the team's mail of the last 24 hours, as far as vendors have told."""

    recipients = serializers.IntegerField()
    bounce_rate = serializers.FloatField(help_text="the part that bounced for good; from 0.05 on too much")
    complaint_rate = serializers.FloatField(help_text="the part that complained; from 0.001 on too much")
    warning = serializers.BooleanField(
        source="is_poor",
        help_text="one of the two is too much, of 500 recipients at least; twice that is the end",
    )


class TeamSerializer(serializers.Serializer[Any]):
    """The team of the key, whose emails it sends and sees."""

    name = serializers.CharField()
    paused = serializers.SerializerMethodField()
    marketing_paused = serializers.SerializerMethodField(
        help_text="mail of the purpose `marketing` is answered 403 until a person resumes it"
    )
    reputation = serializers.SerializerMethodField()

    def get_paused(self, whose: Any) -> bool:
        """Tell whether nothing is taken from this team."""
        return whose.paused_at is not None

    def get_marketing_paused(self, whose: Any) -> bool:
        """Tell whether no marketing mail is taken from this team."""
        return whose.marketing_paused_at is not None

    @extend_schema_field(ReputationSerializer)
    def get_reputation(self, whose: Any) -> Any:
        """Return how its mail fares."""
        return ReputationSerializer(reputation.of(whose.pk)).data


class LimitSerializer(serializers.Serializer[Policy]):
    """One limit, and what is left of it now."""

    name = serializers.CharField(help_text="burst, daily, waiting, stored; of the key itself: key-burst …")
    quota = serializers.IntegerField(help_text="recipients; waiting: emails; stored: bytes")
    left = serializers.IntegerField()
    window = serializers.IntegerField(
        allow_null=True, help_text="seconds in which the whole quota comes back; null: nobody knows"
    )
    more_in = serializers.IntegerField(
        allow_null=True, help_text="seconds until more is left; null: nobody knows"
    )


class MeSerializer(serializers.Serializer[Any]):
    """The answer; without a key, where none is required, there is nothing to tell."""

    success = serializers.BooleanField(default=True)
    message = serializers.CharField()
    key = KeySerializer(allow_null=True)
    team = TeamSerializer(allow_null=True)
    limits = LimitSerializer(many=True, help_text="empty: there is no limit")


class Me(APIView):
    """What a key may find out about itself, whatever its scopes are."""

    http_method_names = ("get", "head")
    permission_classes = (AnyKey,)

    @extend_schema(operation_id="me", responses={200: MeSerializer, **_FAILURES})
    def get(self, request: Request) -> Response:
        """Answer whose key it is, its scopes, its limits, and what is left."""
        told = {"key": key(request), "team": team(request), "limits": throttling.policies(request)}
        found = MeSerializer({"success": True, "message": "Your key", **told}).data
        return Response(found)
