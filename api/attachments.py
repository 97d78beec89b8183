"""Parses the attachments of a Draft from Base64 in JSON, or from the file parts of a form."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api import hints, uploads
from api.fields import fail
from delivery.content import filenames
from providers.message import Attachment, file_of_bytes

_DATA_URL = re.compile(r"data:([^,;]{0,130})((?:;[^,;]{0,100}){0,4}),", re.IGNORECASE)
_NOT_PLAIN = re.compile(r"[\r\n_-]")
_STANDARD = str.maketrans("-_", "+/", "\r\n")
_KNOWN = ("filename", "content", "content_type", "content_id")
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
        """Return the files; raise ContractError (413) when all together are over the limit."""
        if not isinstance(data, list):
            raise fail("wrong_type", "must be a list; in a form, send each file as a part of its own.")
        if len(data) > uploads.MAX_FILES:
            raise fail("too_many", f"may have {uploads.MAX_FILES} entries.")
        _check_size(data)
        attachments = tuple(_attachment(item, f"[{index}]") for index, item in enumerate(data))
        _refuse_same_content_ids(attachments)
        return attachments


def _check_size(items: list[Any]) -> None:
    """Check the size before decoding: four characters of Base64 are three bytes."""
    size = sum(item.size if isinstance(item, uploads.Upload) else _decoded_size(item) for item in items)
    if size > settings.ATTACHMENTS_MAX_BYTES:
        raise uploads.too_large()


def _decoded_size(item: Any) -> int:
    content = item.get("content") if isinstance(item, dict) else None
    if not isinstance(content, str):
        return 0
    prefix = _DATA_URL.match(content)
    start = prefix.end() if prefix else 0
    line_ends = content.count("\n", start) + content.count("\r", start)
    return (len(content) - start - line_ends - content.count("=", max(start, len(content) - 4))) * 3 // 4


def _attachment(item: Any, path: str) -> Attachment:
    if isinstance(item, uploads.Upload):
        return _uploaded(item)
    if not isinstance(item, dict) or not all(isinstance(value, str) for value in item.values()):
        raise fail("wrong_type", "must be an object whose values are strings.", path)
    if unknown := item.keys() - set(_KNOWN):
        first = min(unknown)
        raise fail(
            "unknown_field", f"has no such field.{hints.meant(first, _KNOWN)}", f"{path}.{first[:80]!a}"
        )
    for name in ("filename", "content"):
        if name not in item:
            raise fail("required", "is missing.", f"{path}.{name}")
    return _encoded(item, path)


def _uploaded(upload: uploads.Upload) -> Attachment:
    path = ascii(upload.field[:80])
    filename = _filename(filenames.chosen(upload.filename, field=upload.field), path)
    return Attachment(
        filename=filename,
        content_type=filenames.content_type(upload.content_type, filename),
        size=upload.size,
        open=upload.open,
        content_id=_content_id(upload.content_id, f"{path}.content_id"),
    )


def _encoded(item: Mapping[str, str], path: str) -> Attachment:
    filename = _filename(item["filename"], f"{path}.filename")
    kind, content = _of_data_url(item["content"], f"{path}.content")
    return file_of_bytes(
        _base64(content, f"{path}.content"),
        filename=filename,
        content_type=filenames.content_type(item.get("content_type") or kind, filename),
        content_id=_content_id(item.get("content_id", ""), f"{path}.content_id"),
    )


def _filename(name: str, path: str) -> str:
    try:
        return filenames.clean(name)
    except filenames.InvalidFilename as error:
        raise fail("invalid_filename", f"{error}.", path) from error


def _of_data_url(content: str, path: str) -> tuple[str, str]:
    """Return the type that a data: URL names and the Base64 behind it; what is no such URL is Base64 itself."""
    if content[:5].lower() != "data:":
        return "", content
    found = _DATA_URL.match(content)
    if not found or not found[2].lower().endswith(";base64"):
        raise fail("invalid_base64", "is a data: URL that is not like data:image/png;base64,iVBOR…", path)
    return found[1] + found[2][: -len(";base64")], content[found.end() :]


def _base64(content: str, path: str) -> bytes:
    """Decode either alphabet (RFC 4648, 4 and 5), with or without line breaks and padding."""
    bare = content.translate(_STANDARD) if _NOT_PLAIN.search(content) else content
    padding = "" if bare.endswith("=") else "=" * (-len(bare) % 4)
    try:
        return base64.b64decode(bare + padding, validate=True)
    except (binascii.Error, ValueError) as error:
        raise fail("invalid_base64", f"is not Base64: {error}.", path) from error


def _refuse_same_content_ids(attachments: Sequence[Attachment]) -> None:
    """Two files that one cid: names are refused: which of them is shown, each reader decides for itself."""
    first: dict[str, int] = {}
    for index, attachment in enumerate(attachments):
        known = first.setdefault(attachment.content_id, index)
        if attachment.content_id and known != index:
            raise fail(
                "invalid_value",
                f"the content_id is that of attachments[{known}], too.",
                f"[{index}].content_id",
            )


def _content_id(value: str, path: str) -> str:
    value = value.removeprefix("<").removesuffix(">")
    if value and not _CONTENT_ID.fullmatch(value):
        raise fail("invalid_value", "must be like logo@example.org, in ASCII.", path)
    return value
