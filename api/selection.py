"""Which emails a request is about: the filter of what is cancelled, or sent again."""

from typing import Any

from api import fields
from api.fields import fail
from api.serializers import NarrowingSerializer
from delivery.access import key_rules
from delivery.content import addresses
from delivery.submission.wanted import Wanted

_PREFIX = "gm_live_"


class Address(fields.Text):
    """A whole address."""

    def to_internal_value(self, data: Any) -> str:
        """Refuse what is none."""
        try:
            return addresses.canonical(addresses.bare(super().to_internal_value(data).strip()))
        except addresses.InvalidAddress as error:
            raise fail("invalid_address", str(error)) from error


class Sender(fields.Text):
    """A whole address, or a domain behind an @."""

    def to_internal_value(self, data: Any) -> str:
        """Refuse what is neither."""
        try:
            return key_rules.sender(super().to_internal_value(data).strip())
        except addresses.InvalidAddress as error:
            raise fail("invalid_address", str(error)) from error


class FilterSerializer(NarrowingSerializer):
    """Which emails; all fields that are given must match."""

    key = fields.Text(longest=100, required=False, help_text="the public id of the key they were sent with")
    tag = fields.Text(longest=100, required=False)
    sender = Sender(longest=320, required=False, help_text="an address, or a domain such as @example.org")
    recipient = Address(longest=320, required=False, help_text="a whole address")
    created_after = fields.Moment(required=False, help_text="inclusive")
    created_before = fields.Moment(required=False, help_text="exclusive")

    def to_wanted(self, values: Any) -> Wanted:
        """Return the filter; refuse an empty one, which would mean everything."""
        public_id = values.get("key", "").removeprefix(_PREFIX).partition("_")[0]
        wanted = Wanted(**{**values, "key": public_id})
        if wanted.is_empty():
            raise fail("empty", "must say which emails; an empty filter would mean all of them.", "filter")
        return wanted
