"""What comes in and goes out at webhooks/."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api import fields
from api.fields import fail
from api.serializers import StrictSerializer
from delivery.models import WebhookCall, WebhookEndpoint, WebhookMessage
from delivery.webhooks import kinds, post

_LONGEST_DESCRIPTION = 200  # characters


@extend_schema_field(serializers.ListField(child=serializers.ChoiceField(kinds.ALL)))
class Events(serializers.Field):  # type: ignore[type-arg]
    """Names of events; an empty list: all of them."""

    def to_internal_value(self, data: Any) -> list[str]:
        """Refuse what is no event: an endpoint must not wait for what never comes."""
        if not isinstance(data, list):
            raise fail("wrong_type", "must be a list.")
        for number, name in enumerate(data):
            if name not in kinds.ALL:
                raise fail("invalid_choice", f"must be one of {', '.join(kinds.ALL)}.", f"[{number}]")
        return list(dict.fromkeys(data))

    def to_representation(self, value: list[str]) -> list[str]:
        """Return them unchanged."""
        return value


class EndpointInSerializer(StrictSerializer):
    """What a client says of an endpoint."""

    url = fields.Text(longest=post.LONGEST_URL, required=False)
    events = Events(required=False)
    description = fields.Text(longest=_LONGEST_DESCRIPTION, header=True, required=False)
    enabled = fields.Switch(required=False)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Keep an empty description: it takes the one before away."""
        values = super().to_internal_value(data)
        empty = isinstance(data, Mapping) and data.get("description") == ""
        return values | {"description": ""} if empty else values


class NewEndpointSerializer(EndpointInSerializer):
    """A new endpoint."""

    url = fields.Text(longest=post.LONGEST_URL)


class RangeSerializer(StrictSerializer):
    """What is told again: what happened from `since` on and before `until`."""

    since = fields.Moment()
    until = fields.Moment(required=False, help_text="now, unless given")
    events = Events(required=False)


class EndpointSerializer(serializers.ModelSerializer[WebhookEndpoint]):
    """An endpoint, without its secret."""

    disabled_reason = serializers.CharField(help_text="why GoMail has switched it off")
    failing_since = serializers.DateTimeField(
        allow_null=True, help_text="since then it has taken nothing, and messages failed all of their tries"
    )

    class Meta:
        model = WebhookEndpoint
        fields = (
            "id",
            "url",
            "events",
            "description",
            "enabled",
            "disabled_reason",
            "failing_since",
            "created_at",
        )


class WithSecretSerializer(EndpointSerializer):
    """An endpoint with its secret, which is shown this once."""

    class Meta(EndpointSerializer.Meta):
        fields = (*EndpointSerializer.Meta.fields, "secret", "previous_until")  # type: ignore[assignment]


class CallSerializer(serializers.ModelSerializer[WebhookCall]):
    """One call: what was told, and what was answered."""

    event = serializers.CharField(source="message.kind")
    outcome = serializers.ChoiceField(
        WebhookMessage.Outcome.choices,
        source="message.outcome",
        help_text="what became of the message so far",
    )
    next_try_at = serializers.DateTimeField(source="message.due_at", allow_null=True)

    class Meta:
        model = WebhookCall
        fields = ("id", "message", "event", "at", "status", "answer", "ms", "outcome", "next_try_at")
        extra_kwargs = {
            "message": {"help_text": "the `webhook-id`, the same for each try"},
            "status": {"help_text": "of HTTP; null: there was no answer"},
            "answer": {"help_text": "its first 1,024 bytes, or why there was none"},
        }


class ToldSerializer(serializers.Serializer[Any]):
    """What a worker will post now."""

    success = serializers.BooleanField(default=True)
    message = serializers.CharField()
    count = serializers.IntegerField(help_text="of the messages that will be posted")


class TestedSerializer(ToldSerializer):
    """The same, with the id of the test."""

    id = serializers.UUIDField(help_text="the `webhook-id` that it will have")
