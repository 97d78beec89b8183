"""From the bytes of a form to plain values: the two parsers that REST framework chooses among by Content-Type."""

import re
from collections.abc import Iterator, Mapping
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from django.utils.datastructures import MultiValueDict
from rest_framework.parsers import BaseParser, DataAndFiles

from api.errors import ContractError
from api.forms import parts, stream
from api.forms.fields import Fields
from api.forms.stream import BrokenForm
from api.parsers import MAX_KEYS, charset_of, duplicate, refuse_compression, request_of
from api.uploads import Uploads

MAX_FIELD_BYTES = 4 * 1024 * 1024  # one text field
_SLICE = 64 * 1024
_BOUNDARY = re.compile(r';\s*boundary\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))', re.IGNORECASE)
_BOUNDARY_CHARACTERS = re.compile(r"[ -~]{1,1024}")
_JSON = re.compile(rb"\s*[{\[]")


class MultiPartParser(BaseParser):
    """multipart/form-data: text fields decoded, every file as an Upload in the list `attachments`."""

    media_type = "multipart/form-data"
    most_file_bytes: int | None = None  # unless given, what attachments may have

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> "DataAndFiles[Any, Any]":
        """Return the fields; raise ContractError for what is no form, holds a field twice, or is too large."""
        request = request_of(parser_context)
        refuse_compression(request)
        content_type = request.content_type or ""
        form = _Form(charset_of(content_type), self.most_file_bytes)
        try:
            form.read(stream, boundary_of(content_type))
            return form.values()
        except BrokenForm as error:
            form.uploads.close()
            raise _malformed(self.media_type, error) from error
        except ContractError:
            form.uploads.close()
            raise


class UrlencodedParser(BaseParser):
    """application/x-www-form-urlencoded: the fields of a form without files."""

    media_type = "application/x-www-form-urlencoded"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the fields; raise ContractError for what is no form or holds a field twice."""
        request = request_of(parser_context)
        refuse_compression(request)
        body = stream.read()
        if _JSON.match(body):  # what curl -d sends unless it is told otherwise
            raise ContractError(
                "unsupported_content_type",
                "The body is JSON, but came as application/x-www-form-urlencoded. "
                "Send it with Content-Type: application/json (curl: --json, or -H).",
            )
        fields = Fields()
        try:
            for name, content in _pairs(body):
                fields.add(name, content)
            return fields.values(charset_of(request.content_type or ""))
        except BrokenForm as error:
            raise _malformed(self.media_type, error) from error


def boundary_of(content_type: str) -> bytes:
    """Return the boundary that a Content-Type names, quoted or not; raise BrokenForm."""
    found = _BOUNDARY.search(content_type)
    if not found:
        raise BrokenForm(
            "Content-Type names no boundary. Let your HTTP library set Content-Type: it knows the boundary"
        )
    boundary = found[2].strip() if found[1] is None else re.sub(r"\\(.)", r"\1", found[1])
    if not _BOUNDARY_CHARACTERS.fullmatch(boundary):
        raise BrokenForm(f"the boundary {boundary[:40]!a} is none: it has 1 to 70 ASCII characters")
    return boundary.encode()


class _Form:
    """Collects the parts of one multipart form."""

    def __init__(self, charset: str, most_file_bytes: int | None) -> None:
        self.uploads = Uploads(most_file_bytes)
        self._charset = charset
        self._fields = Fields()
        self._part: parts.Part | None = None
        self._text = bytearray()

    def read(self, source: IO[bytes], boundary: bytes) -> None:
        """Take the whole form."""
        for event in stream.events(source.read, boundary):
            if isinstance(event, stream.Head):
                self._begin(parts.part(event, self._charset))
            elif event is None:
                self._end()
            else:
                self._take(event)

    def values(self) -> "DataAndFiles[Any, Any]":
        """Return fields and files as the serializer takes them; Django closes the files with the request."""
        fields = self._fields.values(self._charset)
        if self.uploads and fields.get("attachments", "") != "":
            raise duplicate("attachments")
        files = {"attachments": list(self.uploads)} if self.uploads else {}
        return DataAndFiles(fields, MultiValueDict(files))

    def _begin(self, part: parts.Part) -> None:
        self._part, self._text = part, bytearray()
        if part.filename is not None:
            self.uploads.begin(
                field=part.name,
                filename=part.filename,
                content_type=part.content_type,
                content_id=part.content_id,
            )

    def _take(self, piece: bytes) -> None:
        assert self._part is not None  # noqa: S101 - a head comes before its content
        self._write(self._part.decode(piece))

    def _write(self, content: bytes) -> None:
        assert self._part is not None  # noqa: S101 - a head comes before its content
        if self._part.filename is not None:
            self.uploads.write(content)
            return
        self._text += content
        if len(self._text) > MAX_FIELD_BYTES:
            raise _too_long(self._part.name)

    def _end(self) -> None:
        assert self._part is not None  # noqa: S101 - a head comes before its end
        self._write(self._part.finish())
        if self._part.filename is None:
            self._fields.add(self._part.name, bytes(self._text), self._part.charset)
        else:
            self.uploads.end()


def _pairs(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the fields of an urlencoded form, their percent signs undone."""
    if body.count(b"&") >= MAX_KEYS:
        raise BrokenForm(f"it has more than {MAX_KEYS:,} fields")
    for pair in body.removeprefix(b"\xef\xbb\xbf").split(b"&"):
        if not pair.strip(b"\r\n"):
            continue  # && and a line end behind the last field
        name, _, content = pair.partition(b"=")
        field = _unquoted(name).decode(errors="replace")
        yield field, _unquoted(content, field)


def _unquoted(text: bytes, field: str = "") -> bytes:
    """Undo + and %, a slice after the other: split at each of a million percent signs it would take a gigabyte."""
    found, start = bytearray(), 0
    while start < len(text):
        end = start + _SLICE
        cut = text.find(b"%", max(start, end - 2), end)
        end = cut if cut > start and end < len(text) else end  # no escape is cut in two
        found += unquote_to_bytes(text[start:end].replace(b"+", b" "))
        start = end
        if len(found) > MAX_FIELD_BYTES:
            raise _too_long(field)
    return bytes(found)


def _too_long(name: str) -> ContractError:
    return ContractError("body_too_large", f"The field {name[:80]} is over {MAX_FIELD_BYTES:,} bytes.")


def _malformed(media_type: str, error: Exception) -> ContractError:
    return ContractError("malformed_multipart", f"The body cannot be read as {media_type}: {error}.")
