"""Cancelling all emails that wait and match."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import fields
from api.authentication import key, team
from api.parsers import StrictJSONParser
from api.selection import FilterSerializer
from api.serializers import FailureSerializer, StrictSerializer
from delivery.access.scopes import Scope
from delivery.submission import cancelling
from delivery.submission import wanted as selection

_FAILURES = dict.fromkeys((400, 401, 403, 405, 413, 500, 503), FailureSerializer)
_EXAMPLE = OpenApiExample(
    "How many would be cancelled",
    value={"filter": {"tag": "spring"}, "dry_run": True},
    request_only=True,
    media_type=StrictJSONParser.media_type,
)


class CancelSerializer(StrictSerializer):
    """What to cancel."""

    filter = FilterSerializer()
    dry_run = fields.Switch(required=False, help_text="only count them")


class CancelledSerializer(serializers.Serializer[Any]):
    """How many."""

    success = serializers.BooleanField()
    message = serializers.CharField()
    count = serializers.IntegerField()
    dry_run = serializers.BooleanField()


class CancelEmails(APIView):
    """Cancel all emails that wait and match; an unknown one is not sent again."""

    http_method_names = ("post",)
    scope = Scope.EMAILS_MANAGE
    parser_classes = (StrictJSONParser,)

    @extend_schema(
        operation_id="cancel_emails",
        request=CancelSerializer,
        examples=[_EXAMPLE],
        responses={200: CancelledSerializer, **_FAILURES},
    )
    def post(self, request: Request) -> Response:
        """Count them, and cancel them unless it is a dry run."""
        serializer = CancelSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = serializer.validated_data
        wanted = FilterSerializer().to_wanted(asked["filter"])
        found = selection.that_may_be_changed_by(key(request), cancelling.waiting(team(request), wanted))
        if asked.get("dry_run"):
            return _answer(found.count(), "would be cancelled", dry_run=True)
        count = cancelling.cancel_matching(team(request), wanted, found)
        return _answer(count, "is cancelled" if count == 1 else "are cancelled", dry_run=False)


def _answer(count: int, what: str, *, dry_run: bool) -> Response:
    told = {
        "success": True,
        "message": f"{count:,} email{'s' * (count != 1)} {what}",
        "count": count,
        "dry_run": dry_run,
    }
    return Response(told)
