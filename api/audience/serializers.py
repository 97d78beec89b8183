"""What comes in and goes out at contacts/ and groups/."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api import fields
from api.exact import Id
from api.fields import fail
from api.names import Name
from api.senders import SenderField
from api.serializers import EmptyingSerializer, StrictSerializer
from delivery.content import addresses
from delivery.models import Contact, Group, Membership
from delivery.models.contact import LONGEST_GROUP, LONGEST_NAME, MOST_DATA

_LOCALE: Final = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,3}")


@extend_schema_field({"type": "string", "format": "email", "example": "Bob@example.org"})
class EmailField(serializers.Field):  # type: ignore[type-arg]
    """One address without a name, as it is written."""

    def to_internal_value(self, data: Any) -> str:
        """Return it with its domain as A-labels."""
        if not isinstance(data, str):
            raise fail("wrong_type", "must be a string.")
        try:
            return addresses.bare(data.strip())
        except addresses.InvalidAddress as error:
            raise fail("invalid_address", str(error)) from error

    def to_representation(self, value: str) -> str:
        """Return it unchanged."""
        return value


@extend_schema_field({"type": "object", "additionalProperties": True, "example": {"city": "Wien"}})
class DataField(serializers.Field):  # type: ignore[type-arg]
    """Whatever is known of a contact, by name."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the object; as JSON it may have 16 KB."""
        if not isinstance(data, Mapping):
            raise fail("wrong_type", "must be an object.")
        if len(json.dumps(data, ensure_ascii=False).encode()) > MOST_DATA:
            raise fail("too_long", f"may have {MOST_DATA:,} bytes.")
        return dict(data)

    def to_representation(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return it unchanged."""
        return value


@extend_schema_field({"type": "string", "example": "de-AT"})
class LocaleField(serializers.Field):  # type: ignore[type-arg]
    """A language, with a country where that matters (BCP 47)."""

    def to_internal_value(self, data: Any) -> str:
        """Return it with hyphens."""
        if not isinstance(data, str) or not _LOCALE.fullmatch(data):
            raise fail("invalid_value", "must be a locale such as de or de-AT.")
        return data.replace("_", "-")

    def to_representation(self, value: str) -> str:
        """Return it unchanged."""
        return value


class ContactInSerializer(EmptyingSerializer):
    """What a client says of a contact."""

    emptied = ("first_name", "last_name", "name", "locale")
    email = EmailField(required=False)
    first_name = fields.Text(longest=LONGEST_NAME, header=True, required=False)
    last_name = fields.Text(longest=LONGEST_NAME, header=True, required=False)
    name = fields.Text(longest=LONGEST_NAME, header=True, required=False)
    locale = LocaleField(required=False)
    data = DataField(required=False, help_text="replaces all of it")  # type: ignore[assignment]


class NewContactSerializer(ContactInSerializer):
    """A new contact."""

    email = EmailField()


class ContactSerializer(serializers.ModelSerializer[Contact]):
    """A contact."""

    data = DataField()  # type: ignore[assignment]

    class Meta:
        model = Contact
        fields = (
            *("id", "email", "first_name", "last_name", "name", "locale", "data"),
            *("created_at", "changed_at"),
        )


class GroupInSerializer(EmptyingSerializer):
    """What a client says of a group."""

    emptied = ("from_address", "reply_to", "signature")
    name = Name(longest=LONGEST_GROUP, required=False)
    from_address = SenderField(required=False)
    reply_to = SenderField(required=False)
    signature = Id(required=False, help_text="of mail to the group; empty: the one that matches")
    unsubscribe = fields.Switch(required=False)


class NewGroupSerializer(GroupInSerializer):
    """A new group."""

    name = Name(longest=LONGEST_GROUP)


class GroupSerializer(serializers.ModelSerializer[Group]):
    """A group."""

    class Meta:
        model = Group
        fields: tuple[str, ...] = (
            "id",
            "name",
            "from_address",
            "reply_to",
            "signature",
            "unsubscribe",
            "created_at",
        )


class OneGroupSerializer(GroupSerializer):
    """A group, and how many are in it."""

    members = serializers.SerializerMethodField()

    class Meta(GroupSerializer.Meta):
        fields = (*GroupSerializer.Meta.fields, "members")

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "integer"}})
    def get_members(self, group: Group) -> dict[str, int]:
        """Count them by status."""
        return {
            status: group.memberships.filter(status=status).count() for status in Membership.Status.values
        }


class JoinSerializer(StrictSerializer):
    """Who joins a group: a contact, or an address that becomes one."""

    email = EmailField(required=False)
    contact = Id(required=False)
    resubscribe = fields.Switch(required=False, help_text="also if they have unsubscribed; this is recorded")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Require one of both."""
        if ("email" in attrs) == ("contact" in attrs):
            raise fail("required", "must name an email or a contact.", "contact")
        return attrs


class StatusSerializer(StrictSerializer):
    """A member's new status."""

    status = serializers.ChoiceField(Membership.Status.choices)
    resubscribe = fields.Switch(required=False, help_text="also if they have unsubscribed; this is recorded")


class PersonSerializer(serializers.ModelSerializer[Contact]):
    """The contact of a membership."""

    data = DataField()  # type: ignore[assignment]

    class Meta:
        model = Contact
        fields = ("id", "email", "data")


class GroupMemberSerializer(serializers.ModelSerializer[Membership]):
    """A contact in a group."""

    contact = PersonSerializer()

    class Meta:
        model = Membership
        fields = ("contact", "status", "since", "by")
