"""The requests and answers of imports/."""

import re
from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api import fields
from api.exact import Id
from api.fields import fail
from api.serializers import StrictSerializer
from delivery.audience import columns, progress
from delivery.models import Import

_PERCENT: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3})?)%")
_LONGEST: Final = 255


@extend_schema_field(bool)
class FormSwitch(fields.Switch):
    """true or false, in a form or a query."""

    def to_internal_value(self, data: Any) -> bool:
        """Return it."""
        words = {"true": True, "false": False}
        if not isinstance(data, str) or data not in words:
            raise fail("invalid_choice", "must be true or false.")
        return words[data]


@extend_schema_field(
    {"type": "string", "description": "a JSON object: header → field or null", "example": '{"Mail": "email"}'}
)
class MappingField(serializers.Field):  # type: ignore[type-arg]
    """What columns become, by their headers."""

    def to_internal_value(self, data: Any) -> dict[str, str | None]:
        """Return the object; what is no field is refused where the columns are known."""
        found = fields.parsed(data) if isinstance(data, str) else data
        if not isinstance(found, dict) or not all(
            each is None or isinstance(each, str) for each in found.values()
        ):
            raise fail("wrong_type", "must be an object of texts and null.")
        return found

    def to_representation(self, value: dict[str, str | None]) -> dict[str, str | None]:
        """Return it unchanged."""
        return value


@extend_schema_field({"type": "string", "example": "1%"})
class ShareField(serializers.Field):  # type: ignore[type-arg]
    """A part of all rows: 0.01 or 1%."""

    def to_internal_value(self, data: Any) -> float:
        """Return the part."""
        text = str(data).strip()
        percent = _PERCENT.fullmatch(text)
        try:
            part = float(percent[1]) / 100 if percent else float(text)
        except ValueError:
            part = -1.0
        if not 0 <= part <= 1:
            raise fail("invalid_value", "must be a part of the rows, such as 1% or 0.01.")
        return part

    def to_representation(self, value: float) -> float:
        """Return it unchanged."""
        return value


class NewImportSerializer(StrictSerializer):
    """What is to be done with a file."""

    group = Id(required=False, help_text="whom it brings joins this group")
    mapping = MappingField(required=False)
    on_existing = serializers.ChoiceField(Import.OnExisting.choices, required=False)
    dry_run = FormSwitch(required=False, help_text="check it, and wait for run/")
    encoding = fields.Text(longest=20, required=False)
    delimiter = fields.Text(longest=1, required=False)
    header = FormSwitch(required=False, help_text="whether the first line names the columns")
    sheet = fields.Text(longest=_LONGEST, required=False)
    from_spreadsheet = FormSwitch(required=False, help_text="take off the ' of our own exports")
    confirm = serializers.ChoiceField(
        ["auto"], required=False, help_text="check it, and run it if it is good enough"
    )
    max_bad = ShareField(
        required=False, help_text="with confirm: of all rows, how many may be bad; 0 unless given"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a bound that nothing would ask about."""
        if "max_bad" in attrs and "confirm" not in attrs:
            raise fail(
                "invalid_value", "says when a file is run by itself; it needs confirm=auto.", "max_bad"
            )
        return attrs


class ImportSerializer(serializers.ModelSerializer[Import]):
    """An import, and how far it has come."""

    mapping = serializers.SerializerMethodField(help_text="what each column becomes")
    counts = serializers.SerializerMethodField()
    processed = serializers.IntegerField(source="total", help_text="rows so far")
    eta_seconds = serializers.SerializerMethodField(
        help_text="null: nobody knows yet, or nothing is going on"
    )
    percent = serializers.SerializerMethodField()
    error = serializers.CharField(help_text="why it failed")

    class Meta:
        model = Import
        fields = (
            *(
                "id",
                "status",
                "filename",
                "group",
                "dry_run",
                "on_existing",
                "encoding",
                "delimiter",
                "header",
            ),
            *(
                "sheet",
                "from_spreadsheet",
                "mapping",
                "counts",
                "processed",
                "percent",
                "eta_seconds",
                "error",
            ),
            *("created_at", "finished_at"),
        )

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "string", "nullable": True}})
    def get_mapping(self, imported: Import) -> dict[str, Any]:
        """Return it in the words of a request."""
        return columns.shown(imported.columns, imported.fields)

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "integer"}})
    def get_counts(self, imported: Import) -> dict[str, int]:
        """Return what became of the rows."""
        return progress.counts(imported)

    @extend_schema_field({"type": "number", "nullable": True})
    def get_eta_seconds(self, imported: Import) -> float | None:
        """Return how long it will take."""
        return progress.eta(imported)

    @extend_schema_field({"type": "number"})
    def get_percent(self, imported: Import) -> float:
        """Return how much of the file is behind it."""
        return progress.percent(imported)
