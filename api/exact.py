"""Fields that take one type of JSON: 1, and neither "1" nor 1.0 nor true, which a lenient reader converts."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api.fields import fail


@extend_schema_field({"type": "string", "format": "uuid"})
class Id(serializers.Field):  # type: ignore[type-arg]
    """An id, as text."""

    def to_internal_value(self, data: Any) -> UUID:
        """Return it."""
        return id_of(data, "")


@extend_schema_field({"type": "integer"})
class Whole(serializers.Field):  # type: ignore[type-arg]
    """A whole number."""

    def __init__(self, *, least: int, most: int, **kwargs: Any) -> None:
        self.least, self.most = least, most
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> int:
        """Return it."""
        if not isinstance(data, int) or isinstance(data, bool):
            raise fail("wrong_type", "must be a whole number.")
        if not self.least <= data <= self.most:
            raise fail("invalid_value", self.outside())
        return data

    def outside(self) -> str:
        """Return what is said of a number that is too small or too large."""
        return f"must lie between {self.least:,} and {self.most:,}."


def id_of(data: Any, path: str) -> UUID:
    """Return an id; raise the error of this place."""
    if not isinstance(data, str):
        raise fail("wrong_type", "must be an id.", path)
    try:
        return UUID(data)
    except ValueError:
        raise fail("invalid_value", "is no id.", path) from None
