"""What an email is for, and what its unsubscribe link ends: the fields `purpose` and `unsubscribe`."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api.errors import ContractError
from api.fields import fail
from delivery.content import headers
from delivery.content.drafts import without_repeats
from delivery.models import Email
from delivery.models.suppression import LIST, MARKETING

LONGEST_LIST: Final = 100  # characters of a list's name
_TRUE, _FALSE = (True, "true"), (False, "false")
_OURS = frozenset({"list-unsubscribe", "list-unsubscribe-post"})
_Purpose = Email.Purpose


@extend_schema_field(
    {"oneOf": [{"type": "boolean"}, {"type": "string", "maxLength": LONGEST_LIST}], "example": "news"}
)
class UnsubscribeField(serializers.Field):  # type: ignore[type-arg]
    """true, or a list's name; in a form both are text."""

    def to_internal_value(self, data: Any) -> str:
        """Return what the link ends: marketing, or list:<name>; empty for false."""
        if isinstance(data, bool | str) and data in _FALSE:
            return ""
        if isinstance(data, bool | str) and data in _TRUE:
            return MARKETING
        if not isinstance(data, str):
            raise fail("wrong_type", "must be true or the name of a list.")
        return LIST + list_name(data)


def checked(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of an email with the purpose that its unsubscribe link gives it.

    Mail that one can unsubscribe from is marketing, unless it is said of a list's that it is transactional.
    """
    ends = values.get("unsubscribe")
    if not ends:
        return values
    if values.get("purpose") == _Purpose.ESSENTIAL:
        raise serializers.ValidationError(
            {"purpose": fail("invalid_value", "is essential, and so nobody can unsubscribe from it.").detail}
        )
    _refuse_own_headers(values.get("headers", {}))
    if _count(values) > 1:
        raise ContractError("one_recipient_only")
    asked = values.get("purpose", _Purpose.MARKETING)
    return {**values, "purpose": _Purpose.MARKETING if ends == MARKETING else asked}


def list_name(text: str) -> str:
    """Return the name of a list; raise ValidationError for one that is none."""
    if not (name := text.strip()):
        raise fail("empty", "must be true or the name of a list.")
    if len(name) > LONGEST_LIST:
        raise fail("too_long", f"a list's name may have {LONGEST_LIST} characters.")
    try:
        headers.refuse_controls(name)
    except headers.InvalidHeader as error:
        raise fail("control_character", f"{error}.") from error
    return name


def _refuse_own_headers(given: dict[str, str]) -> None:
    for name in given:
        if name.lower() in _OURS:
            message = f"{name} is set by unsubscribe; leave out one of the two."
            raise serializers.ValidationError({"headers": fail("invalid_header", message).detail})


def _count(values: dict[str, Any]) -> int:
    groups = [values.get(f"{kind}_addresses", ()) for kind in ("to", "cc", "bcc")]
    return sum(map(len, without_repeats(*groups)))
