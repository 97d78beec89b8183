"""Parsers of request bodies, stricter than the standard ones: ambiguous input is refused."""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import IO, Any, NoReturn, cast
from urllib.parse import unquote

import multipart
from django.utils.datastructures import MultiValueDict
from rest_framework.parsers import BaseParser, DataAndFiles
from rest_framework.request import Request

from api.errors import ContractError
from api.uploads import Uploads

MAX_DEPTH = 32
MAX_KEYS = 2000
MAX_VALUES = 20_000  # strings, numbers, lists and objects in all
MAX_OPENINGS = (
    250_000  # brackets and braces, those in texts included: as many as a style sheet of 2 MB may have
)
MAX_DIGITS = 20
MAX_PARTS = 200
MAX_FIELD_BYTES = 4 * 1024 * 1024  # one text field
_SURROGATE_OR_NUL = re.compile("[\x00\ud800-\udfff]")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_EXTENDED = re.compile(r";\s*filename\*\s*=\s*([^;\s]*)", re.IGNORECASE)
_EXTENDED_VALUE = re.compile(
    "(utf-8|iso-8859-1)'[^']*'((?:[!#$&+.^_`|~0-9a-z-]|%[0-9a-f]{2})+)", re.IGNORECASE
)


class StrictJSONParser(BaseParser):
    """One JSON object in UTF-8."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the object; raise ContractError for anything ambiguous."""
        refuse_encodings(request_of(parser_context))
        values = loads(stream.read())
        if not isinstance(values, dict):
            raise ContractError("malformed_json", "The body must be one JSON object.")
        return values


class StrictMultiPartParser(BaseParser):
    """multipart/form-data: text fields unchanged, every file as an Upload in the list `attachments`."""

    media_type = "multipart/form-data"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> "DataAndFiles[Any, Any]":
        """Return the fields; raise ContractError for a part without name or end, and for a repeated name."""
        request = request_of(parser_context)
        refuse_encodings(request)
        _, options = multipart.parse_options_header(media_type or "")
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        reader = _Form()
        try:
            reader.read(stream, options.get("boundary", ""), length)
            return reader.values()
        except multipart.MultipartError as error:
            reader.uploads.close()
            raise ContractError(
                "malformed_multipart", f"The multipart body cannot be read: {error}."
            ) from error
        except ContractError:
            reader.uploads.close()
            raise


class _Form:
    """Collects the parts of one form."""

    def __init__(self) -> None:
        self.uploads = Uploads()
        self._fields: dict[str, str] = {}
        self._name = ""
        self._text: bytearray | None = None

    def read(self, stream: IO[bytes], boundary: str, length: int) -> None:
        """Read the whole form."""
        parser = multipart.PushMultipartParser(
            boundary, content_length=length, max_segment_count=MAX_PARTS, strict=True
        )
        for event in parser.parse_blocking(stream.read):
            self.take(event)

    def take(self, event: Any) -> None:
        """Process a part's head, a piece of its content, or its end."""
        if isinstance(event, multipart.MultipartSegment):
            self._begin(event)
        elif event is None:
            self._end()
        elif self._text is None:
            self.uploads.write(event)
        else:
            self._write_text(event)

    def values(self) -> "DataAndFiles[Any, Any]":
        """Return fields and files for the serializer; Django closes the files with the request."""
        if self.uploads and "attachments" in self._fields:
            raise duplicate("attachments")
        files = {"attachments": list(self.uploads)} if self.uploads else {}
        return DataAndFiles(self._fields, MultiValueDict(files))

    def _begin(self, part: "multipart.MultipartSegment") -> None:
        _check_part(part)
        self._name = part.name or ""
        filename = _filename(part)
        if filename is None:
            self._text = bytearray()
        else:
            self._text = None
            self.uploads.begin(field=self._name, filename=filename, content_type=part.content_type or "")

    def _write_text(self, piece: bytes) -> None:
        assert self._text is not None  # noqa: S101 - checked by take()
        self._text += piece
        if len(self._text) > MAX_FIELD_BYTES:
            raise ContractError("body_too_large", f"The field {self._name} is over {MAX_FIELD_BYTES} bytes.")

    def _end(self) -> None:
        if self._text is None:
            self.uploads.end()
            return
        if self._name in self._fields:
            raise duplicate(self._name)
        self._fields[self._name] = _decoded(bytes(self._text), self._name)


def loads(body: bytes | str) -> Any:
    """Parse JSON without NaN, numbers beyond a double, repeated fields, NUL, lone surrogates, or deep nesting."""
    try:
        text = body.decode() if isinstance(body, bytes) else body
        if text.count("[") + text.count("{") > MAX_OPENINGS:
            raise ContractError("malformed_json", f"The JSON has more than {MAX_VALUES} values.")
        values = _JSON.decode(text)
    except UnicodeDecodeError as error:
        raise ContractError(
            "malformed_json", f"The body is not UTF-8: {error.reason} at byte {error.start}."
        ) from error
    except json.JSONDecodeError as error:
        raise ContractError("malformed_json", f"This is not valid JSON: {error}.") from error
    except ValueError as error:  # an integer longer than Python parses
        raise ContractError("malformed_json", f"A number has more than {MAX_DIGITS} digits.") from error
    except RecursionError as error:
        raise ContractError(
            "malformed_json", f"The JSON is nested deeper than {MAX_DEPTH} levels."
        ) from error
    _check(values)
    return values


def request_of(parser_context: Mapping[str, Any] | None) -> Request:
    """Return the request of a parser."""
    request: Request = (parser_context or {})["request"]
    return request


def refuse_encodings(request: Request) -> None:
    """Raise unless the body is uncompressed UTF-8: a compressed one could be a decompression bomb."""
    charset = multipart.parse_options_header(request.content_type or "")[1].get("charset", "utf-8")
    encoding = request.META.get("HTTP_CONTENT_ENCODING", "identity")
    if charset.lower() not in {"utf-8", "utf8", "us-ascii"} or encoding.lower() != "identity":
        raise ContractError("unsupported_content_type", "Send the body in UTF-8 and not compressed.")


def duplicate(name: str) -> ContractError:
    """Return the error for a field that was given twice."""
    name = name[:80]
    error = {"field": name, "code": "duplicate_field", "message": "was given twice."}
    return ContractError("invalid", f"{name}: was given twice.", [error])


def _filename(part: "multipart.MultipartSegment") -> str | None:
    """Return the part's file name, also from the `filename*` of some clients; None: a text field."""
    extended = _EXTENDED.search(_QUOTED.sub('""', part.header("Content-Disposition", "")))
    return _percent_decoded(extended[1]) if extended else cast("str | None", part.filename)


def _percent_decoded(extended: str) -> str:
    """Decode charset'language'value (RFC 8187)."""
    value = _EXTENDED_VALUE.fullmatch(extended)
    try:
        return unquote(value[2], encoding=value[1], errors="strict") if value else _unreadable_name()
    except UnicodeDecodeError:
        return _unreadable_name()


def _unreadable_name() -> NoReturn:
    raise ContractError("malformed_multipart", "A filename* cannot be read.")


def _check_part(part: "multipart.MultipartSegment") -> None:
    """Raise for a part that two parsers would read differently."""
    if sum(name == "Content-Disposition" for name, _ in part.headerlist) > 1:
        raise ContractError("malformed_multipart", "A part has two Content-Disposition headers.")
    if part.header("Content-Transfer-Encoding", "binary").lower() not in {"7bit", "8bit", "binary"}:
        raise ContractError("malformed_multipart", "Parts must be sent as they are (RFC 7578, 4.7).")


def _decoded(content: bytes, name: str) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise ContractError("malformed_multipart", f"The field {name} is not UTF-8.") from error
    if "\x00" in text:
        raise ContractError("malformed_multipart", f"The field {name} holds U+0000.")
    return text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_KEYS:
        raise ContractError("malformed_json", f"An object has more than {MAX_KEYS} fields.")
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise duplicate(next(name for name in names if names.count(name) > 1))
    return values


def _constant(name: str) -> Any:
    raise ContractError("malformed_json", f"{name} is not JSON.")


_JSON = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


def _check(values: Any) -> None:
    """Check depth, number and content of the values, without recursion; raise for text that cannot be stored.

    It stops at the limit: megabytes of `[],[],` would cost seconds.
    """
    level, depth, count = [values], 0, 1
    while level:
        if depth >= MAX_DEPTH and any(isinstance(value, list | dict) for value in level):
            raise ContractError("malformed_json", f"The JSON is nested deeper than {MAX_DEPTH} levels.")
        if count > MAX_VALUES:
            raise ContractError("malformed_json", f"The JSON has more than {MAX_VALUES} values.")
        children = chain.from_iterable(map(_children, level))
        level, depth = list(islice(children, MAX_VALUES + 1)), depth + 1
        count += len(level)


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, int | float):
        _check_number(value)
    elif isinstance(value, dict):
        yield from value.keys()
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _check_number(number: float) -> None:
    if not abs(number) < float("inf"):
        raise ContractError("malformed_json", "A number is too large.")
    if isinstance(number, int) and abs(number) >= 10**MAX_DIGITS:
        raise ContractError("malformed_json", f"A number has more than {MAX_DIGITS} digits.")


def _check_text(text: str) -> None:
    # isascii() is a flag of the string, so megabytes of Base64 cost only one search for NUL.
    found = "\x00" in text if text.isascii() else _SURROGATE_OR_NUL.search(text)
    if found:
        raise ContractError("malformed_json", "A text holds U+0000 or half of a surrogate pair.")
