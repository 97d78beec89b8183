"""The API's fields: parse a client's values into those of a Draft."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api.errors import ContractError
from api.parsers import loads
from delivery.content import addresses, headers
from delivery.db import clock
from providers.message import Mailbox

MAX_RECIPIENTS = 1000
MAX_BODY_CHARACTERS = 2 * 1024 * 1024
MAX_SUBJECT_CHARACTERS = 900
MAX_TAGS, MAX_TAG_CHARACTERS = 10, 100
MAX_HEADERS = 50
MAX_METADATA, MAX_METADATA_CHARACTERS = 20, 255
_METADATA_NAME = re.compile("[A-Za-z0-9_-]{1,64}")


_DIGITS = re.compile("[0-9]{1,9}")
_NUMBER = re.compile(r"-?[0-9.]{1,20}")


def fail(code: str, message: str, path: str = "") -> serializers.ValidationError:
    """Return the error of one field, or of a place inside it (`[2].content`)."""
    detail: Any = (
        {path: serializers.ErrorDetail(message, code)} if path else [serializers.ErrorDetail(message, code)]
    )
    return serializers.ValidationError(detail)


@extend_schema_field({"type": "string"})
class Text(serializers.Field):  # type: ignore[type-arg]
    """A JSON string; other types are refused, not converted."""

    def __init__(self, *, longest: int, header: bool = False, **kwargs: Any) -> None:
        self.longest, self.header = longest, header
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        """Return the text as it is; one for a header without the line end behind it, and with blanks for tabs."""
        if not isinstance(data, str):
            raise fail("wrong_type", "must be a string.")
        data = headers.without_line_end(data) if self.header else data
        if len(data) > self.longest:
            raise fail("too_long", f"may have {self.longest} characters.")
        return _header_text(data) if self.header else data

    def to_representation(self, value: str) -> str:
        """Return it unchanged."""
        return value


@extend_schema_field(bool)
class Switch(serializers.Field):  # type: ignore[type-arg]
    """true or false, and no other word for it; neither null nor empty, which might mean either."""

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        """Let null be refused like any other word."""
        return (False, data) if data is None else super().validate_empty_values(data)

    def to_internal_value(self, data: Any) -> bool:
        """Return it."""
        if not isinstance(data, bool):
            raise fail("wrong_type", "must be true or false.")
        return data

    def to_representation(self, value: bool) -> bool:
        """Return it unchanged."""
        return value


@extend_schema_field({"type": "string", "format": "date-time"})
class Moment(serializers.Field):  # type: ignore[type-arg]
    """A time in ISO 8601 with its offset from UTC, at most a year ahead."""

    def to_internal_value(self, data: Any) -> datetime:
        """Return an aware datetime."""
        if not isinstance(data, str):
            raise fail("wrong_type", "must be a string.")
        moment = _moment(data)
        if moment is None or moment.tzinfo is None:
            raise fail("invalid_value", "must be a time such as 2026-12-31T08:00:00+01:00.")
        if moment > clock.now() + clock.MAX_AHEAD:
            raise fail("invalid_value", f"may be {clock.MAX_AHEAD.days} days ahead.")
        return moment


@extend_schema_field({"type": "integer", "example": 86_400})
class Seconds(serializers.Field):  # type: ignore[type-arg]
    """A whole number of seconds; in a form it is text."""

    def __init__(self, *, least: int, most: int, **kwargs: Any) -> None:
        self.least, self.most = least, most
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> int:
        """Return the number."""
        if isinstance(data, str) and _DIGITS.fullmatch(data):
            data = int(data)
        if not isinstance(data, int) or isinstance(data, bool):
            raise fail("wrong_type", "must be a whole number of seconds.")
        if not self.least <= data <= self.most:
            raise fail("invalid_value", f"must lie between {self.least} and {self.most} seconds.")
        return data


@extend_schema_field({"type": "string"})
class Body(serializers.Field):  # type: ignore[type-arg]
    """The body of an email; too long a body is answered with 413."""

    def to_internal_value(self, data: Any) -> str:
        """Return the text with its line endings as they came, without a byte order mark in front."""
        if not isinstance(data, str):
            raise fail("wrong_type", "must be a string.")
        if len(data) > MAX_BODY_CHARACTERS:
            raise ContractError(
                "body_too_large", f"{self.field_name} may have {MAX_BODY_CHARACTERS:,} characters."
            )
        return data.removeprefix("\ufeff")


@extend_schema_field({"type": "string", "example": "Ann Lee <ann@example.org>"})
class MailboxField(serializers.Field):  # type: ignore[type-arg]
    """One mailbox; empty: the default sender."""

    def to_internal_value(self, data: Any) -> Mailbox | None:
        """Return the mailbox, or None if it is empty."""
        if not isinstance(data, str):
            raise fail("wrong_type", "must be a string.")
        return _mailbox(data, "") if data.strip() else None


@extend_schema_field(
    {
        "oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        "example": ["ann@example.org"],
    }
)
class MailboxesField(serializers.Field):  # type: ignore[type-arg]
    """Mailboxes in a string, or in a list, one an entry (in a form: given several times, or as JSON text)."""

    def to_internal_value(self, data: Any) -> tuple[Mailbox, ...]:
        """Return the mailboxes in order."""
        if isinstance(data, str) and data.lstrip().startswith("["):
            data = parsed(data)
        if isinstance(data, str):
            return _each(addresses.split(data), _mailbox if "<" in data else _bare)
        if not isinstance(data, list) or not all(isinstance(item, str) for item in data):
            raise fail("wrong_type", "must be a string of addresses or a list of strings.")
        return _each(data, _mailbox)


class Recipients(MailboxesField):
    """At least one recipient."""

    def to_internal_value(self, data: Any) -> tuple[Mailbox, ...]:
        """Return at least one mailbox."""
        boxes = super().to_internal_value(data)
        if not boxes:
            raise fail("empty", "names nobody.")
        return boxes


@extend_schema_field(
    {"type": "object", "additionalProperties": {"type": "string"}, "example": {"X-Campaign": "spring"}}
)
class HeadersField(serializers.Field):  # type: ignore[type-arg]
    """Extra headers by name."""

    def to_internal_value(self, data: Any) -> dict[str, str]:
        """Return the headers; names must be unique regardless of case."""
        data = _texts_by_name(data, most=MAX_HEADERS)
        for name, value in data.items():
            _check_header(name, value)
        lower = [name.lower() for name in data]
        if len(set(lower)) < len(lower):
            raise fail("duplicate_field", "names a header twice.")
        return {name: value.strip(" ") for name, value in data.items()}


@extend_schema_field({"type": "array", "items": {"type": "string"}, "example": ["invoice"]})
class TagsField(serializers.Field):  # type: ignore[type-arg]
    """Words for finding emails."""

    def to_internal_value(self, data: Any) -> tuple[str, ...]:
        """Return the tags, each once."""
        data = _tags(data) if isinstance(data, str) else data
        if not isinstance(data, list) or not all(isinstance(tag, str) and tag for tag in data):
            raise fail("wrong_type", "must be a list of strings that are not empty.")
        if len(data) > MAX_TAGS:
            raise fail("too_many", f"may have {MAX_TAGS} entries.")
        for index, tag in enumerate(data):
            if len(tag) > MAX_TAG_CHARACTERS:
                raise fail("too_long", f"may have {MAX_TAG_CHARACTERS} characters.", f"[{index}]")
            _refuse_controls(tag)
        return tuple(dict.fromkeys(data))


@extend_schema_field(
    {"type": "object", "additionalProperties": {"type": "string"}, "example": {"order": "5"}}
)
class MetadataField(serializers.Field):  # type: ignore[type-arg]
    """The client's own values, passed to the provider and returned in its events."""

    def to_internal_value(self, data: Any) -> dict[str, str]:
        """Return the metadata."""
        data = _texts_by_name(data, most=MAX_METADATA)
        for name, value in data.items():
            if not _METADATA_NAME.fullmatch(name) or name.startswith("gomail"):
                raise fail(
                    "invalid_value", "a name has 1 to 64 letters, digits, _ and -, and not gomail in front."
                )
            if len(value) > MAX_METADATA_CHARACTERS:
                raise fail("too_long", f"a value may have {MAX_METADATA_CHARACTERS} characters.")
            _refuse_controls(value)
        return cast("dict[str, str]", data)


def parsed(text: str) -> Any:
    """Parse the JSON text of a form field."""
    try:
        return loads(text)
    except ContractError as error:
        if error.code != "malformed_json":
            raise
        raise fail("invalid_json", error.message) from error


def _each(texts: Sequence[str], read: Any) -> tuple[Mailbox, ...]:
    if len(texts) > MAX_RECIPIENTS:
        raise fail("too_many", f"may name {MAX_RECIPIENTS} mailboxes.")
    return tuple(read(text, f"[{index}]") for index, text in enumerate(texts))


def _bare(text: str, path: str) -> Mailbox:
    try:
        return Mailbox(address=addresses.bare(text))
    except addresses.InvalidAddress as error:
        raise fail("invalid_address", str(error), path) from error


def _mailbox(text: str, path: str) -> Mailbox:
    try:
        return addresses.mailbox(text)
    except addresses.InvalidAddress as error:
        raise fail("invalid_address", str(error), path) from error


def _tags(text: str) -> Any:
    """Read a form's only tag, or JSON text."""
    if text.lstrip()[:1] in ("[", "{", '"') or text in ("null", "true", "false") or _NUMBER.fullmatch(text):
        return parsed(text)
    if "," in text or ";" in text:
        raise fail("invalid_value", "may be given several times, or as a JSON list; commas do not part tags.")
    return [text]


def _header_text(text: str) -> str:
    text = text.replace("\t", " ")
    _refuse_controls(text)
    return text


def _refuse_controls(text: str) -> None:
    try:
        headers.refuse_controls(text)
    except headers.InvalidHeader as error:
        raise fail("control_character", f"{error}.") from error


def _check_header(name: str, value: str) -> None:
    try:
        headers.check(name, value)
    except headers.InvalidHeader as error:
        raise fail("invalid_header", f"{name[:80]!a}: {error}.") from error


def _texts_by_name(data: Any, *, most: int) -> dict[str, str]:
    data = parsed(data) if isinstance(data, str) else data
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        raise fail("wrong_type", "must be an object whose values are strings.")
    if len(data) > most:
        raise fail("too_many", f"may have {most} entries.")
    return cast("dict[str, str]", data)


def _moment(text: str) -> datetime | None:
    try:
        return parse_datetime(text)
    except ValueError:  # well-formed, but there is no such day
        return None
