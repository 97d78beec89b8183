"""From JSON to plain values: strict about what the standard reader lets pass."""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import IO, Any

from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from api.errors import ContractError

MAX_DEPTH = 32
MAX_KEYS = 2000
MAX_VALUES = 20_000  # strings, numbers, lists and objects in all
MAX_OPENINGS = (
    250_000  # brackets and braces, those in texts included: as many as a style sheet of 2 MB may have
)
MAX_DIGITS = 20
_SURROGATE_OR_NUL = re.compile("[\x00\ud800-\udfff]")
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([^\"';\s]*)", re.IGNORECASE)
_BOM = "\ufeff"


class StrictJSONParser(BaseParser):
    """One JSON object in UTF-8."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the object; raise ContractError for everything that could be read in two ways."""
        request = request_of(parser_context)
        refuse_compression(request)
        _refuse_charset(request.content_type or "")
        values = loads(stream.read())
        if not isinstance(values, dict):
            raise ContractError("malformed_json", "The body must be one JSON object.")
        return values


def loads(body: bytes | str) -> Any:
    """Read JSON: no NaN, no number beyond a double, no field twice, no NUL, no half surrogate pair, bounded depth.

    One byte order mark in front is no part of it.
    """
    try:
        text = (_decoded(body) if isinstance(body, bytes) else body).removeprefix(_BOM)
        if text.count("[") + text.count("{") > MAX_OPENINGS:
            raise ContractError("malformed_json", f"The JSON has more than {MAX_VALUES} values.")
        values = _JSON.decode(text)
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


def refuse_compression(request: Request) -> None:
    """Raise if the body is compressed: it could be a bomb."""
    encoding = request.META.get("HTTP_CONTENT_ENCODING", "identity")
    if encoding.strip().lower() not in {"", "identity"}:
        raise ContractError(
            "unsupported_content_type",
            f"The body came with Content-Encoding {encoding[:40]!a}. Send it as it is, not compressed.",
        )


def charset_of(content_type: str) -> str:
    """Return the charset that a Content-Type names, or nothing."""
    found = _CHARSET.search(content_type)
    return found[1] if found else ""


def duplicate(name: str) -> ContractError:
    """Return the error for a field that was given twice."""
    name = name[:80]
    error = {"field": name, "code": "duplicate_field", "message": "was given twice."}
    return ContractError("invalid", f"{name}: was given twice.", [error])


def _refuse_charset(content_type: str) -> None:
    charset = charset_of(content_type)
    if charset.lower() not in {"", "utf-8", "utf8", "us-ascii"}:
        raise ContractError(
            "unsupported_content_type",
            f"The body came as JSON in the charset {charset[:40]!a}. JSON is UTF-8: encode it so.",
        )


def _decoded(body: bytes) -> str:
    found = json.detect_encoding(body[:4])  # UTF-16 of ASCII letters is UTF-8 with many a NUL
    if found.startswith(("utf-16", "utf-32")):
        raise ContractError("malformed_json", f"The body came in {found[:6].upper()}. Encode it as UTF-8.")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise ContractError(
            "malformed_json",
            f"The body is not UTF-8: {error.reason} at byte {error.start}. Encode it as UTF-8.",
        ) from error


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
