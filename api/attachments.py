"""Parses the attachments of a Draft from Base64 in JSON, or from the file parts of a form."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api import uploads
from api.fields import fail
from delivery.content import filenames
from providers.message import Attachment, file_of_bytes

MAX_ATTACHMENTS = 100
_CONTENT_ID = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~@-]{1,200}")


@extend_schema_field(
    {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["filename", "content"],
            "properties": {
                "filename": {"type": "string"},
                "content": {"type": "string", "format": "byte"},
                "content_type": {"type": "string"},
                "content_id": {"type": "string"},
            },
        },
    }
)
class AttachmentsField(serializers.Field):  # type: ignore[type-arg]
    """Files: Base64 in JSON, or the file parts of a form."""

    def to_internal_value(self, data: Any) -> tuple[Attachment, ...]:
        """Return the files; raise ContractError (413) if together they are over the limit."""
        if data == "":  # an empty file input of a form
            return ()
        if not isinstance(data, list):
            raise fail("wrong_type", "must be a list; in a form, send each file as a part of its own.")
        if len(data) > MAX_ATTACHMENTS:
            raise fail("too_many", f"may have {MAX_ATTACHMENTS} entries.")
        _check_size(data)
        return tuple(_attachment(item, f"[{index}]") for index, item in enumerate(data))


def _check_size(items: list[Any]) -> None:
    """Check the size before decoding: four characters of Base64 are three bytes."""
    size = sum(item.size if isinstance(item, uploads.Upload) else _decoded_size(item) for item in items)
    if size > settings.ATTACHMENTS_MAX_BYTES:
        raise uploads.too_large()


def _decoded_size(item: Any) -> int:
    content = item.get("content") if isinstance(item, dict) else None
    if not isinstance(content, str):
        return 0
    return (len(content) - content.count("\n") - content.count("\r") - content.count("=", -4)) * 3 // 4


def _attachment(item: Any, path: str) -> Attachment:
    if isinstance(item, uploads.Upload):
        return _uploaded(item)
    if not isinstance(item, dict) or not all(isinstance(value, str) for value in item.values()):
        raise fail("wrong_type", "must be an object whose values are strings.", path)
    unknown = item.keys() - {"filename", "content", "content_type", "content_id"}
    if unknown:
        raise fail("unknown_field", "has no such field.", f"{path}.{min(unknown)[:80]!a}")
    for name in ("filename", "content"):
        if name not in item:
            raise fail("required", "is missing.", f"{path}.{name}")
    return _encoded(item, path)


def _uploaded(upload: uploads.Upload) -> Attachment:
    named_by_field = filenames.looks_like_one(upload.field)
    filename = _filename(upload.field if named_by_field else upload.filename, ascii(upload.field[:80]))
    return Attachment(
        filename=filename,
        content_type=filenames.content_type(upload.content_type, filename),
        size=upload.size,
        open=upload.open,
    )


def _encoded(item: Mapping[str, str], path: str) -> Attachment:
    filename = _filename(item["filename"], f"{path}.filename")
    return file_of_bytes(
        _base64(item["content"], f"{path}.content"),
        filename=filename,
        content_type=filenames.content_type(item.get("content_type", ""), filename),
        content_id=_content_id(item.get("content_id", ""), f"{path}.content_id"),
    )


def _filename(name: str, path: str) -> str:
    try:
        return filenames.clean(name)
    except filenames.InvalidFilename as error:
        raise fail("invalid_filename", f"{error}.", path) from error


def _base64(content: str, path: str) -> bytes:
    try:
        return base64.b64decode(content.replace("\r", "").replace("\n", ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise fail("invalid_base64", f"is not Base64: {error}.", path) from error


def _content_id(value: str, path: str) -> str:
    value = value.removeprefix("<").removesuffix(">")
    if value and not _CONTENT_ID.fullmatch(value):
        raise fail("invalid_value", "must be like logo@example.org, in ASCII.", path)
    return value
