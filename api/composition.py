"""What an email is written with: the fields `template`, `variables`, `locale` and `signature`."""

import json
from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api import fields
from api.fields import fail
from delivery.content import locales
from delivery.content.drafts import FromTemplate
from delivery.models import Email

LONGEST_NAME: Final = 64  # characters of an id or a slug
MOST_VARIABLES: Final = 256 * 1024  # characters as JSON
PRIORITIES: Final = (Email.Priority.HIGH.value, Email.Priority.NORMAL.value)  # that a client may ask for
_INSTEAD_OF = ("subject", "body", "html_body", "text_body")


@extend_schema_field(
    {"type": "object", "additionalProperties": True, "example": {"customer": {"name": "Ann"}}}
)
class VariablesField(serializers.Field):  # type: ignore[type-arg]
    """An object of what a template is written with; in a form JSON text, or `variables[name]`."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return it."""
        data = fields.parsed(data) if isinstance(data, str) else data
        if not isinstance(data, dict):
            raise fail("wrong_type", "must be an object.")
        if len(json.dumps(data, ensure_ascii=False)) > MOST_VARIABLES:
            raise fail("too_long", f"may have {MOST_VARIABLES:,} characters as JSON.")
        return data

    def to_representation(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return it unchanged."""
        return value


@extend_schema_field({"type": "string", "example": "de-AT"})
class LocaleField(serializers.Field):  # type: ignore[type-arg]
    """A language tag, folded."""

    def to_internal_value(self, data: Any) -> str:
        """Return it."""
        if not isinstance(data, str):
            raise fail("wrong_type", "must be a string.")
        try:
            return locales.folded(data.strip())
        except locales.InvalidLocale as error:
            raise fail("invalid_value", f"{error}.") from error

    def to_representation(self, value: str) -> str:
        """Return it unchanged."""
        return value


@extend_schema_field({"type": "string", "enum": list(PRIORITIES)})
class PriorityField(serializers.Field):  # type: ignore[type-arg]
    """The lane of an email."""

    def to_internal_value(self, data: Any) -> str:
        """Return it."""
        if data == Email.Priority.BULK:
            raise fail("invalid_choice", "must be normal or high; bulk is the lane of mailings alone.")
        if data not in PRIORITIES:
            raise fail("invalid_choice", "must be normal or high.")
        return str(data)

    def to_representation(self, value: str) -> str:
        """Return it unchanged."""
        return value


def checked(values: dict[str, Any]) -> dict[str, Any]:
    """Refuse a template beside a subject or a body, and variables without a template."""
    if "template" in values:
        _refuse(values, _INSTEAD_OF, "is written by the template; leave out one of the two.")
    else:
        _refuse(values, ("variables", "locale"), "goes with a template.")
    return values


def of(values: dict[str, Any]) -> FromTemplate | None:
    """Return what the email is to be written with; None: it is written already."""
    if "template" not in values:
        return None
    return FromTemplate(
        template=values["template"], variables=values.get("variables", {}), locale=values.get("locale", "")
    )


def _refuse(values: dict[str, Any], names: tuple[str, ...], message: str) -> None:
    if found := [name for name in names if name in values]:
        raise serializers.ValidationError({found[0]: fail("invalid_value", message).detail})


class WrittenWithSerializer(serializers.Serializer[Any]):
    """The version of a template that an email was written with."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    version = serializers.IntegerField()
    locale = serializers.CharField(help_text="empty: the default")


class SignedWithSerializer(serializers.Serializer[Any]):
    """A signature that was put under an email."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(["signature", "disclaimer"])


@extend_schema_field(SignedWithSerializer(many=True))
class Signatures(serializers.JSONField):
    """The signatures of an email; an empty list where it has none."""

    def get_attribute(self, instance: Any) -> Any:
        """Return them; old rows have none."""
        return super().get_attribute(instance) or []


@extend_schema_field(WrittenWithSerializer(allow_null=True))
class WrittenWith(serializers.JSONField):
    """The version of a template; null where the email was written by its client."""
