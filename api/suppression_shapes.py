"""The requests and answers of suppressions/."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api import fields, purposes
from api.fields import fail
from api.serializers import StrictSerializer
from delivery.content import addresses
from delivery.db import clock
from delivery.models import Suppression
from delivery.models.suppression import ALL, LIST, MARKETING
from delivery.suppressions import imports
from delivery.suppressions.imports import Report

BY_KEY: Final = "gm_live_"  # how `by` begins where a key entered it
_LONGEST_REASON = 1000
_Kind = Suppression.Kind


@extend_schema_field({"type": "string", "format": "email", "example": "bob@example.org"})
class AddressField(serializers.Field):  # type: ignore[type-arg]
    """One address without a name."""

    def to_internal_value(self, data: Any) -> str:
        """Return it as it is compared with others."""
        if not isinstance(data, str):
            raise fail("wrong_type", "must be a string.")
        try:
            return addresses.canonical(addresses.bare(data.strip()))
        except addresses.InvalidAddress as error:
            raise fail("invalid_address", str(error)) from error


@extend_schema_field(
    {"type": "string", "example": "list:news", "description": "all, marketing or list:<name>"}
)
class ScopeField(serializers.Field):  # type: ignore[type-arg]
    """all, marketing or list:<name>."""

    def to_internal_value(self, data: Any) -> str:
        """Return the scope."""
        if data in (ALL, MARKETING):
            return str(data)
        if not isinstance(data, str) or not data.startswith(LIST):
            raise fail("invalid_choice", f"must be {ALL}, {MARKETING} or {LIST}<name>.")
        return LIST + purposes.list_name(data.removeprefix(LIST))


class NewSerializer(StrictSerializer):
    """An address that must not be written to."""

    address = AddressField()
    kind = serializers.ChoiceField(_Kind.choices, default=_Kind.MANUAL)
    scope = ScopeField(default=ALL)
    reason = fields.Text(longest=_LONGEST_REASON, default="")
    expires_at = fields.Moment(default=None)

    def validate_expires_at(self, value: Any) -> Any:
        """Refuse what is over."""
        if value is not None and value <= clock.now():
            raise fail("invalid_value", "must lie ahead.")
        return value


class SuppressionSerializer(serializers.ModelSerializer[Suppression]):
    """One address that gets no mail of one scope, with the first cause."""

    by = serializers.SerializerMethodField(
        help_text="the key that entered it, or `person`; empty: GoMail itself"
    )
    for_all = serializers.SerializerMethodField(help_text="keeps the mail of every team from it")

    class Meta:
        model = Suppression
        fields: tuple[str, ...] = (
            *("id", "address", "kind", "scope", "source", "count", "first_seen", "last_seen", "expires_at"),
            *("reason", "by", "for_all"),
        )

    def get_by(self, entry: Suppression) -> str:
        """Return no person's name: clients are not told who works here."""
        return entry.by if not entry.by or entry.by.startswith(BY_KEY) else "person"

    def get_for_all(self, entry: Suppression) -> bool:
        """Tell whether it is nobody's own."""
        return entry.team_id is None


class FoundSerializer(SuppressionSerializer):
    """The answer about one entry, and about the others of its address."""

    success = serializers.BooleanField(default=True)
    message = serializers.CharField()
    others = SuppressionSerializer(many=True)

    class Meta(SuppressionSerializer.Meta):
        fields = ("success", "message", *SuppressionSerializer.Meta.fields, "others")


class NotRemovedSerializer(serializers.Serializer[Any]):
    """The entry has ended here, and a vendor's own list still has the address."""

    success = serializers.BooleanField(default=True)
    message = serializers.CharField()
    not_removed = serializers.DictField(
        child=serializers.CharField(), help_text="by provider: why its list still has the address"
    )


class RowSerializer(serializers.Serializer[Any]):
    """What became of one row of a file."""

    row = serializers.IntegerField(help_text="as a spreadsheet counts")
    address = serializers.CharField()
    result = serializers.ChoiceField([imports.ADDED, imports.KNOWN, imports.REFUSED])
    kind = serializers.CharField()
    scope = serializers.CharField()
    message = serializers.CharField(help_text="why it was refused")


class ReportSerializer(serializers.Serializer[Any]):
    """What became of a file."""

    success = serializers.BooleanField(default=True)
    message = serializers.CharField()
    dry_run = serializers.BooleanField()
    format = serializers.CharField(help_text="whose file it is")
    added = serializers.IntegerField()
    known = serializers.IntegerField()
    refused = serializers.IntegerField()
    results = RowSerializer(many=True)


def found(several: Sequence[Suppression], message: str) -> dict[str, Any]:
    """Return the answer about the first entry."""
    first, *others = SuppressionSerializer(several, many=True).data
    return {"success": True, "message": message, **first, "others": others}


def not_removed(left: Mapping[str, str]) -> dict[str, Any]:
    """Return the answer about an entry that has ended, while vendors' lists still have the address."""
    told = f"Ended here; {', '.join(left)} may go on dropping mail to it"
    return {"success": True, "message": told, "not_removed": dict(left)}


def report(made: Report, *, dry_run: bool) -> dict[str, Any]:
    """Return the answer about a file."""
    counts = {what: made.count(what) for what in (imports.ADDED, imports.KNOWN, imports.REFUSED)}
    told = "would be added; nothing was changed" if dry_run else "were added"
    return {
        "success": True,
        "message": f"{counts[imports.ADDED]} of {len(made.results)} rows {told}",
        "dry_run": dry_run,
        "format": made.format,
        **counts,
        "results": [asdict(row) for row in made.results],
    }
