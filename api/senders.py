"""The field of a sender that is kept for later: a mailbox as text."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api import fields
from api.fields import fail
from providers.message import Mailbox

_LONGEST: Final = 600  # characters with all that is quoted, as the tables have them


@extend_schema_field({"type": "string", "example": "News <news@example.org>"})
class SenderField(serializers.Field):  # type: ignore[type-arg]
    """A mailbox, kept as text."""

    def to_internal_value(self, data: Any) -> str:
        """Return it as it is read again."""
        found = fields.MailboxField().to_internal_value(data)
        text = _written(found) if found else ""
        if len(text) > _LONGEST:
            raise fail("too_long", f"may have {_LONGEST} characters.")
        return text

    def to_representation(self, value: str) -> str:
        """Return it unchanged."""
        return value


def _written(found: Mailbox) -> str:
    if not found.name:
        return found.address
    name = found.name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{name}" <{found.address}>'
