"""What comes in and goes out at keys/."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api import fields
from api.fields import fail
from api.serializers import StrictSerializer
from delivery.access import key_rules, key_use
from delivery.access.scopes import NAMES
from delivery.content import addresses
from delivery.db import clock
from delivery.models import ApiKey, KeyDay

_LONGEST_NAME, _LONGEST_NOTE = 100, 500
_MAY_BE_EMPTY = {"name": "", "note": "", "expires_at": None}
_DAY = 24 * 3600


class _Words(serializers.Field):  # type: ignore[type-arg]
    """A list of strings, each of which is parsed."""

    most = 100

    def to_internal_value(self, data: Any) -> list[str]:
        """Return each once, in the form in which it is kept."""
        if not isinstance(data, list):
            raise fail("wrong_type", "must be a list.")
        if len(data) > self.most:
            raise fail("too_many", f"may hold {self.most:,} entries.")
        return list(dict.fromkeys(self._one(number, word) for number, word in enumerate(data)))

    def to_representation(self, value: list[str] | None) -> list[str]:
        """Return them unchanged."""
        return value or []

    def _one(self, number: int, word: Any) -> str:
        if not isinstance(word, str):
            raise fail("wrong_type", "must be a string.", f"[{number}]")
        try:
            return self.parse(word)
        except ValueError as error:
            raise fail("invalid_value", str(error), f"[{number}]") from error

    def parse(self, word: str) -> str:
        """Return one of them as it is kept; raise ValueError."""
        raise NotImplementedError


@extend_schema_field(serializers.ListField(child=serializers.ChoiceField(NAMES)))
class Scopes(_Words):
    """Names of scopes, or `send` and `read`, each of which stands for several."""

    def to_internal_value(self, data: Any) -> list[str]:
        """Refuse a key that may nothing."""
        if data == []:
            raise fail("empty", "must hold a scope.")
        return super().to_internal_value(data)

    def parse(self, word: str) -> str:
        """Refuse what is no scope."""
        if word not in NAMES:
            raise ValueError(f"must be one of {', '.join(NAMES)}.")
        return word


@extend_schema_field(serializers.ListField(child=serializers.CharField()))
class Senders(_Words):
    """Addresses and @domains; an empty list: any sender."""

    most = key_rules.MOST_SENDERS

    def parse(self, word: str) -> str:
        """Return the canonical form."""
        try:
            return key_rules.sender(word.strip())
        except addresses.InvalidAddress as error:
            raise ValueError(str(error)) from error


@extend_schema_field(serializers.ListField(child=serializers.CharField()))
class Networks(_Words):
    """Addresses and networks such as 192.0.2.0/24; an empty list: from anywhere."""

    most = key_rules.MOST_NETWORKS

    def parse(self, word: str) -> str:
        """Return the usual form."""
        return key_rules.network(word)


class LastMoment(fields.Moment):
    """When the key ends; later than now, null: never."""

    def to_internal_value(self, data: Any) -> datetime:
        """Refuse what is over."""
        moment = super().to_internal_value(data)
        if moment <= clock.now():
            raise fail("invalid_value", "must be later than now.")
        return moment


class KeyChangeSerializer(StrictSerializer):
    """What may be said of a key; what is not said stays as it is."""

    name = fields.Text(longest=_LONGEST_NAME, header=True, required=False)
    note = fields.Text(longest=_LONGEST_NOTE, header=True, required=False)
    scopes = Scopes(required=False)
    from_addresses = Senders(required=False)
    networks = Networks(required=False)
    expires_at = LastMoment(required=False)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Keep what is empty on purpose: it takes away what was there before."""
        values = super().to_internal_value(data)
        given = data if isinstance(data, Mapping) else {}
        return values | {
            name: empty
            for name, empty in _MAY_BE_EMPTY.items()
            if name in given and given[name] in ("", None)
        }


class NewKeySerializer(KeyChangeSerializer):
    """A new key. Senders, networks and the last moment that are not said are those of the key that makes it."""

    scopes = Scopes()


class RotationSerializer(StrictSerializer):
    """For how long the old key still works."""

    overlap = fields.Seconds(
        least=0, most=30 * _DAY, required=False, help_text="seconds, 86400 (a day) unless given"
    )


class DaySerializer(serializers.ModelSerializer[KeyDay]):
    """How many requests came on one day (UTC)."""

    class Meta:
        model = KeyDay
        fields = ("day", "requests")


class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    """A key, without its token."""

    id = serializers.CharField(source="public_id", help_text="the public part, which may be shown")
    scopes = Scopes(read_only=True)
    from_addresses = Senders(read_only=True)
    networks = Networks(read_only=True)
    successor_of = serializers.CharField(
        source="successor_of.public_id", default=None, help_text="the key that was rotated"
    )
    made_with = serializers.CharField(
        source="made_with.public_id", default=None, help_text="the key that made this one; null: a person"
    )

    class Meta:
        model = ApiKey
        fields: tuple[str, ...] = (
            "id",
            "name",
            "note",
            "scopes",
            "from_addresses",
            "networks",
            "created_at",
            "expires_at",
            "last_used_at",
            "paused_at",
            "revoked_at",
            "successor_of",
            "made_with",
        )
        extra_kwargs = {"last_used_at": {"help_text": "to the minute"}}


class OneKeySerializer(ApiKeySerializer):
    """The same with its use."""

    days = serializers.SerializerMethodField(help_text="the last 30 days on which it was used")

    class Meta(ApiKeySerializer.Meta):
        fields = (*ApiKeySerializer.Meta.fields, "days")

    @extend_schema_field(DaySerializer(many=True))
    def get_days(self, key: ApiKey) -> Any:
        """Return the requests of each day, the latest first; a minute may be missing."""
        return DaySerializer(key_use.days(key), many=True).data


class WithTokenSerializer(ApiKeySerializer):
    """A key with its token, which is in this answer and in no other."""

    token = serializers.SerializerMethodField()

    class Meta(ApiKeySerializer.Meta):
        fields = (*ApiKeySerializer.Meta.fields, "token")

    def get_token(self, _: ApiKey) -> str:
        """Return what was made a moment ago."""
        return str(self.context["token"])


class RotatedSerializer(WithTokenSerializer):
    """A successor with its token, and until when the old key works."""

    previous_until = serializers.SerializerMethodField()

    class Meta(WithTokenSerializer.Meta):
        fields = (*WithTokenSerializer.Meta.fields, "previous_until")

    @extend_schema_field(serializers.DateTimeField)
    def get_previous_until(self, _: ApiKey) -> Any:
        """Return when the old key ends."""
        return serializers.DateTimeField().to_representation(self.context["old"].expires_at)


class RevokedSerializer(serializers.Serializer[Any]):
    """What becomes of what waited."""

    success = serializers.BooleanField(default=True)
    message = serializers.CharField()
    waiting = serializers.IntegerField(help_text="emails that will be sent all the same")
    cancelled = serializers.IntegerField(help_text="emails that will not be sent any more")
    mailings = serializers.IntegerField(
        help_text="mailings that it started and that were not over: they go on, or are cancelled, as the emails"
    )
