"""Sending all emails again that are over and match."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api import answers, fields, preferences
from api.authentication import key, team
from api.email_shapes import ResendableSerializer
from api.fields import fail
from api.parsers import StrictJSONParser
from api.selection import FilterSerializer
from api.serializers import FailureSerializer, ResultSerializer, StrictSerializer
from api.throttling import Throttled
from delivery.access import audit
from delivery.access.limits import Over
from delivery.access.pauses import Paused
from delivery.access.scopes import Scope
from delivery.models import Email
from delivery.submission import resending
from delivery.submission.resending import MOST, STATUSES, Done, Order
from delivery.submission.wanted import Wanted

_FAILURES = dict.fromkeys((400, 401, 403, 405, 409, 413, 422, 429, 500, 503), FailureSerializer)
_EXAMPLE = OpenApiExample(
    "How many would be sent again",
    value={"filter": {"status": ["failed", "expired"], "tag": "spring"}, "dry_run": True},
    request_only=True,
    media_type=StrictJSONParser.media_type,
)


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "enum": list(STATUSES)},
            {"type": "array", "items": {"type": "string", "enum": list(STATUSES)}},
        ]
    }
)
class Statuses(serializers.Field):  # type: ignore[type-arg]
    """One status, or a list of them."""

    def to_internal_value(self, data: Any) -> tuple[str, ...]:
        """Refuse those of emails that are not over."""
        several = [data] if isinstance(data, str) else data
        if not isinstance(several, list) or not several:
            raise fail("wrong_type", "must be a status or a list of them.")
        if any(each not in STATUSES for each in several):
            raise fail("invalid_choice", f"must be of {', '.join(STATUSES)}: others are not over.")
        return tuple(sorted(set(several)))


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": MOST, "example": 120})
class Count(serializers.Field):  # type: ignore[type-arg]
    """How many emails; a whole number."""

    def to_internal_value(self, data: Any) -> int:
        """Refuse what no dry run tells."""
        if not isinstance(data, int) or isinstance(data, bool):
            raise fail("wrong_type", "must be a whole number.")
        if not 0 < data <= MOST:
            raise fail("invalid_value", f"must be the count of a dry run, 1 to {MOST}.")
        return data


class ResendFilterSerializer(FilterSerializer):
    """Which emails; all fields that are given must match."""

    status = Statuses(
        help_text="required: who has got an email that was `sent`, `partial` or `unknown` may get it twice"
    )


class ResendAllSerializer(StrictSerializer):
    """What to send again."""

    filter = ResendFilterSerializer()
    dry_run = fields.Switch(required=False, help_text="only tell how many, and show some")
    count = Count(required=False, help_text="the count that the dry run has told; needed to send them")

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        """Ask for the number that is confirmed."""
        if not values.get("dry_run") and "count" not in values:
            message = "must confirm the count that a dry run tells; `dry_run: true` is one."
            raise serializers.ValidationError({"count": fail("required", message).detail})
        return values


class _TwiceSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    message = serializers.CharField()
    possible_duplicates = serializers.IntegerField(help_text="of them may reach somebody twice")
    warning = serializers.CharField(required=False, help_text="the same in words, where there are any")
    dry_run = serializers.BooleanField()


class ResendPreviewSerializer(_TwiceSerializer):
    """What would be sent again."""

    count = serializers.IntegerField(help_text=f"the oldest {MOST} at most")
    more = serializers.BooleanField(help_text="more match than one request sends again")
    sample = ResendableSerializer(many=True)


class ResentOneSerializer(ResultSerializer):
    """What became of one."""

    resend_of = serializers.UUIDField()
    possible_duplicate = serializers.BooleanField()


class ResentSerializer(_TwiceSerializer):
    """What is sent again."""

    accepted = serializers.IntegerField()
    refused = serializers.IntegerField()
    left = serializers.IntegerField(help_text="not come to in time; ask for them with another dry run")
    results = ResentOneSerializer(many=True)


class ResendEmails(Throttled):
    """Send all emails again that are over and match, and have not been sent again yet."""

    http_method_names = ("post",)
    scope = Scope.EMAILS_MANAGE
    parser_classes = (StrictJSONParser,)

    @extend_schema(
        operation_id="resend_emails",
        request=ResendAllSerializer,
        examples=[_EXAMPLE],
        parameters=[preferences.IDEMPOTENCY_KEY],
        responses={200: ResendPreviewSerializer, 202: ResentSerializer, **_FAILURES},
    )
    def post(self, request: Request) -> Response:
        """Tell how many and show some if it is a dry run; else send them again, each as a new email."""
        serializer = ResendAllSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = serializer.validated_data
        wanted = ResendFilterSerializer().to_wanted(asked["filter"])
        if asked.get("dry_run"):
            return _preview(resending.preview(resending.matching(team(request), wanted, key(request))))
        order = _order(request, wanted, asked["count"])
        return _told(resending.resend_matching(team(request), wanted, asked["count"], order))


def _order(request: Request, wanted: Wanted, count: int) -> Order:
    """Return how they are sent again: by the request's key, with a use of its Idempotency-Key for each."""
    content: dict[str, Any] = {"resend_all": wanted.told(), "count": count}
    after = {"filter": wanted.told(), "count": count}
    whose = team(request)
    return Order(
        key=key(request),
        use=preferences.key_use(request, **content),
        uses=[preferences.key_use(request, number, **content) for number in range(count)],
        record=lambda: audit.record("emails.resent", "emails", "", team=whose, after=after),
    )


def _preview(found: resending.Preview) -> Response:
    emails = f"{len(found.keys):,} email{'s' * (len(found.keys) != 1)}"
    message = f"{emails} would be sent again{', the oldest of more' if found.more else ''}"
    return Response(
        {
            "success": True,
            "message": message,
            "count": len(found.keys),
            "more": found.more,
            **_twice(found.twice),
            "sample": ResendableSerializer(found.sample, many=True).data,
            "dry_run": True,
        }
    )


def _twice(count: int) -> dict[str, Any]:
    said = f"{count:,} of them may reach somebody twice: a provider has accepted the first one, or may have"
    return answers.twice(count, said)


def _told(done: Done) -> Response:
    """Answer with a result for each; raise what stops all of them."""
    refusals = [one.result for one in done.each if isinstance(one.result, Exception)]
    if refusals and len(refusals) == len(done.each) and isinstance(refusals[0], Over | Paused):
        raise refusals[0]
    olds = Email.objects.filter(pk__in=[one.of for one in done.each])
    twice = set(resending.that_may_arrive_twice(olds).values_list("pk", flat=True))
    named = [{"resend_of": str(one.of), "possible_duplicate": one.of in twice} for one in done.each]
    sent = {one.of for one in done.each if isinstance(one.result, Email)}
    more = {**_twice(len(twice & sent)), "left": done.left, "dry_run": False}
    return answers.of_many([answers.result(one.result) for one in done.each], named, more)
