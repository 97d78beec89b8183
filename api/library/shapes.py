"""What comes in and goes out at templates/, layouts/ and partials/."""

import json
from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api import composition, fields
from api.exact import Whole
from api.fields import fail
from api.names import Name
from api.serializers import StrictSerializer
from delivery.content import template_sources
from delivery.library import templates
from delivery.models import Template, TemplateVersion
from delivery.models.library import LONGEST_NAME, LONGEST_SLUG

_MOST_VARIABLES: Final = 200  # that a version declares
_PARTS = ("subject", "html", "mjml", "text")


class SlugField(fields.Text):
    """How a template is called by emails and other templates."""

    def to_internal_value(self, data: Any) -> str:
        """Return it."""
        text = super().to_internal_value(data)
        if not templates.SLUG.fullmatch(text):
            raise fail("invalid_value", "has lower-case letters, digits and hyphens, such as order-shipped.")
        return text


class Part(fields.Text):
    """A part of a template; it may be empty."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(longest=template_sources.LONGEST_SOURCE, **kwargs)


@extend_schema_field(
    {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string"},
                "type": {"type": "string", "enum": list(template_sources.TYPES)},
                "required": {"type": "boolean", "default": True},
                "default": {},
            },
        },
        "example": [{"name": "customer.name", "type": "string", "required": False, "default": "friend"}],
    }
)
class Variables(serializers.Field):  # type: ignore[type-arg]
    """The variables that a version declares."""

    def to_internal_value(self, data: Any) -> list[dict[str, Any]]:
        """Return them; refuse what is misspelt."""
        if not isinstance(data, list):
            raise fail("wrong_type", "must be a list.")
        if len(data) > _MOST_VARIABLES:
            raise fail("too_many", f"may have {_MOST_VARIABLES} entries.")
        found = [_variable(each, f"[{number}]") for number, each in enumerate(data)]
        if len({each["name"] for each in found}) < len(found):
            raise fail("duplicate_field", "declares a name twice.")
        return found

    def to_representation(self, value: Any) -> Any:
        """Return them unchanged."""
        return value


def _variable(data: Any, path: str) -> dict[str, Any]:
    if not isinstance(data, dict) or set(data) - {"name", "type", "required", "default"}:
        raise fail("wrong_type", "must be an object of name, type, required and default.", path)
    name, kind, required = data.get("name"), data.get("type", "string"), data.get("required", True)
    if not isinstance(name, str) or not template_sources.NAME.fullmatch(name):
        raise fail("invalid_value", "has letters, digits and _, with dots between objects.", f"{path}.name")
    if kind not in template_sources.TYPES:
        raise fail("invalid_choice", f"must be one of {', '.join(template_sources.TYPES)}.", f"{path}.type")
    if not isinstance(required, bool):
        raise fail("wrong_type", "must be true or false.", f"{path}.required")
    made = template_sources.Variable(name=name, type=kind, required=required, default=data.get("default"))
    if made.default is not None and not made.fits(made.default):
        raise fail("wrong_type", f"must be a {kind}.", f"{path}.default")
    if len(json.dumps(made.default)) > 10_000:
        raise fail("too_long", "may have 10,000 characters as JSON.", f"{path}.default")
    return {"name": name, "type": kind, "required": required, "default": made.default}


class TemplateInSerializer(StrictSerializer):
    """What a client says of a template."""

    name = Name(longest=LONGEST_NAME, required=False)
    slug = SlugField(longest=LONGEST_SLUG, required=False)


class NewTemplateSerializer(TemplateInSerializer):
    """A new template, without a version."""

    name = Name(longest=LONGEST_NAME)
    slug = SlugField(longest=LONGEST_SLUG)


class VersionInSerializer(StrictSerializer):
    """A draft; HTML or MJML, and a text that is made of it unless given."""

    subject = Part(required=False)
    html = Part(required=False)
    mjml = Part(required=False)
    text = Part(required=False)
    variables = Variables(required=False)
    sample = composition.VariablesField(required=False)
    locale = composition.LocaleField(required=False)
    layout = fields.Text(longest=LONGEST_SLUG, header=True, required=False)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Keep a part, a locale or a layout that is empty: it takes the one before away."""
        values = super().to_internal_value(data)
        given = data if isinstance(data, dict) else {}
        return values | {name: "" for name in (*_PARTS, "locale", "layout") if given.get(name) == ""}

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        """Refuse HTML and MJML beside each other."""
        if values.get("html") and values.get("mjml"):
            raise serializers.ValidationError(
                {"mjml": fail("invalid_value", "stands instead of html.").detail}
            )
        return values


class VersionNumberSerializer(StrictSerializer):
    """Which version."""

    version = Whole(least=1, most=999_999_999)


class RenderSerializer(StrictSerializer):
    """What to preview: a version, or the one that is sent in a language; with data, or its own sample."""

    version = Whole(least=1, most=999_999_999, required=False)
    data = composition.VariablesField(required=False)  # type: ignore[assignment]
    locale = composition.LocaleField(required=False)


class VersionSerializer(serializers.ModelSerializer[TemplateVersion]):
    """One version."""

    version = serializers.IntegerField(source="number")
    layout: Any = serializers.SlugRelatedField(
        slug_field="slug", read_only=True, help_text="its slug; null: none"
    )
    state = serializers.SerializerMethodField(
        help_text="`draft`; `published`: it is sent in its language; `replaced`: it was, and another one is"
    )
    variables = Variables()
    sample = composition.VariablesField()

    class Meta:
        model = TemplateVersion
        fields = (
            *("version", "locale", "state", *_PARTS, "variables", "sample", "layout"),
            *("created_at", "changed_at", "published_at"),
        )

    def get_state(self, version: TemplateVersion) -> str:
        """Return it in a word."""
        if version.is_current:
            return "published"
        return "replaced" if version.published_at else "draft"


class PublishedSerializer(serializers.Serializer[Any]):
    """What is sent in one language."""

    version = serializers.IntegerField(source="number")
    locale = serializers.CharField(help_text="empty: the default")
    published_at = serializers.DateTimeField()
    stale = serializers.SerializerMethodField(
        help_text="a layout or a partial has changed since; publish it again to take that over"
    )

    def get_stale(self, version: TemplateVersion) -> bool:
        """Tell."""
        return templates.is_stale(version)


class TemplateSerializer(serializers.ModelSerializer[Template]):
    """A template."""

    class Meta:
        model = Template
        fields = ("id", "slug", "name", "created_at")


class OneTemplateSerializer(TemplateSerializer):
    """A template, and what is sent of it."""

    published = serializers.SerializerMethodField()

    class Meta(TemplateSerializer.Meta):
        fields = (*TemplateSerializer.Meta.fields, "published")  # type: ignore[assignment]

    @extend_schema_field(PublishedSerializer(many=True))
    def get_published(self, template: Template) -> Any:
        """Return the current version of each language."""
        return PublishedSerializer(
            template.versions.filter(is_current=True).order_by("locale"), many=True
        ).data


class FaultSerializer(serializers.Serializer[Any]):
    """Why a version cannot be published."""

    field = serializers.CharField(source="place")
    code = serializers.CharField()
    message = serializers.CharField(source="__str__")


class PreviewSerializer(serializers.Serializer[Any]):
    """A version as it would be sent."""

    success = serializers.BooleanField(default=True)
    message = serializers.CharField()
    subject = serializers.CharField()
    html = serializers.CharField()
    text = serializers.CharField()
    missing = serializers.ListField(child=serializers.CharField(), help_text="what the data lacks")
    invalid = serializers.ListField(child=serializers.CharField(), help_text="what has another type")
    unused = serializers.ListField(child=serializers.CharField(), help_text="declared, and not used")
    warnings = serializers.ListField(child=serializers.CharField())
    size = serializers.IntegerField(help_text="bytes of the HTML")
    faults = FaultSerializer(many=True, help_text="why it cannot be published; then nothing is written")
