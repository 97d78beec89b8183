"""The fields of a mailing that others do not have: ids, rates, bodies that are written for each recipient."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api import fields
from api.exact import Whole, id_of
from api.fields import fail
from delivery.content import addresses
from delivery.content.template_sources import LONGEST_SOURCE
from delivery.db import clock

MOST_EXCLUDED: Final = 100
MOST_DOMAINS: Final = 100
LEAST_RATE, MOST_RATE = 0.001, 10_000  # emails a second
MOST_RECIPIENTS: Final = 10**9


@extend_schema_field(
    {"type": "array", "maxItems": MOST_EXCLUDED, "items": {"type": "string", "format": "uuid"}}
)
class Ids(serializers.Field):  # type: ignore[type-arg]
    """Several, each once."""

    def to_internal_value(self, data: Any) -> list[UUID]:
        """Return them."""
        if not isinstance(data, list):
            raise fail("wrong_type", "must be a list of ids.")
        if len(data) > MOST_EXCLUDED:
            raise fail("too_many", f"may have {MOST_EXCLUDED} entries.")
        return list(dict.fromkeys(id_of(each, f"[{number}]") for number, each in enumerate(data)))


@extend_schema_field({"type": "string", "maxLength": LONGEST_SOURCE})
class Body(fields.Text):
    """A body in Liquid."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(longest=LONGEST_SOURCE, **kwargs)


@extend_schema_field({"type": "number", "minimum": LEAST_RATE, "maximum": MOST_RATE, "example": 14})
class Rate(serializers.Field):  # type: ignore[type-arg]
    """Emails a second."""

    def to_internal_value(self, data: Any) -> float:
        """Return it."""
        return _rate(data, "")


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": {"type": "number", "minimum": LEAST_RATE, "maximum": MOST_RATE},
        "example": {"gmail.com": 5},
    }
)
class DomainRates(serializers.Field):  # type: ignore[type-arg]
    """Emails a second to domains of recipients."""

    def to_internal_value(self, data: Any) -> dict[str, float]:
        """Return them by domains as they are compared."""
        if not isinstance(data, Mapping):
            raise fail("wrong_type", "must be an object: domain → emails a second.")
        if len(data) > MOST_DOMAINS:
            raise fail("too_many", f"may have {MOST_DOMAINS} entries.")
        found = {_domain(name): _rate(rate, _shown(name)) for name, rate in data.items()}
        if len(found) < len(data):
            raise fail("duplicate_field", "names a domain twice.")
        return found


class Future(fields.Moment):
    """A time that has not come yet."""

    def to_internal_value(self, data: Any) -> datetime:
        """Return it."""
        moment = super().to_internal_value(data)
        if moment <= clock.now():
            raise fail("invalid_value", "lies in the past; leave it out to begin at once.")
        return moment


@extend_schema_field({"type": "integer", "minimum": 0, "example": 1204})
class Number(Whole):
    """How many recipients."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(least=0, most=MOST_RECIPIENTS, **kwargs)

    def outside(self) -> str:
        """Return what is said of a number that none could be."""
        return "must be the number that the check has found."


def _rate(data: Any, path: str) -> float:
    if not isinstance(data, int | float) or isinstance(data, bool):
        raise fail("wrong_type", "must be a number.", path)
    if not LEAST_RATE <= data <= MOST_RATE:  # NaN, too, lies nowhere
        raise fail("invalid_value", f"must lie between {LEAST_RATE} and {MOST_RATE:,} emails a second.", path)
    return float(data)


def _domain(name: str) -> str:
    try:
        return addresses.bare(f"a@{name.strip().lower()}").rpartition("@")[2]
    except addresses.InvalidAddress as error:
        raise fail("invalid_value", "is no domain.", _shown(name)) from error


def _shown(name: str) -> str:
    return f"[{name[:80]}]"
