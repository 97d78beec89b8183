"""A file's content type as it may stand in a header: `text/calendar; charset=utf-8; method=REQUEST`."""

import re
from collections.abc import Iterator
from functools import lru_cache

UNKNOWN = "application/octet-stream"
LONGEST = 255  # characters; parameters that do not fit are left out

_WORD = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,62}"
_KIND = re.compile(rf"[ \t]*({_WORD}/{_WORD})[ \t]*(?=;|\Z)")
_TOKEN = r"[A-Za-z0-9!#$%&'+.^_`{|}~-]+"  # noqa: S105 - RFC 2045's word, without the * of RFC 2231
_PARAMETER = re.compile(
    rf""";\s*(?P<name>{_TOKEN})\s*=\s*(?:"(?P<quoted>(?:[ !#-\[\]-~]|\\[ -~])*+)"|(?P<token>{_TOKEN}))\s*(?=;|\Z)"""
)
_NEXT = re.compile(r';(?:[^;"]++|"(?:[^"\\]++|\\.)*+"|")*+', re.DOTALL)
# Said by the file's own name, or of parts that a file has not.
_NOT_KEPT = frozenset({"name", "filename", "boundary"})
# RFC 2045, 6.4: they may not be carried in base64, and their parts are nobody's files.
_COMPOSITE = ("multipart/", "message/")


def read(declared: str) -> str:
    """Return a well-formed content type of what somebody has declared; empty when its type is none.

    The type in lower case, then each parameter that is well formed, its value as declared. Composite types travel
    as plain bytes.
    """
    return "; ".join(_written(declared))


def bare(content_type: str) -> str:
    """Return the type alone: `text/calendar`."""
    return content_type.partition(";")[0].strip().lower()


def parameters(content_type: str) -> dict[str, str]:
    """Return the parameters by their names in lower case: `{"method": "REQUEST"}`."""
    return dict(_parameters(content_type.partition(";")[1] + content_type.partition(";")[2]))


def parameter(name: str, value: str) -> str:
    """Return a parameter as it is written: quoted if it has to be."""
    if re.fullmatch(_TOKEN, value):
        return f"{name}={value}"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{escaped}"'


@lru_cache(maxsize=256)
def for_a_header(content_type: str) -> tuple[str, ...]:
    """Return the type and each parameter, for a place of its own in a line; octets if it could not stand there."""
    return _written(content_type) or (UNKNOWN,)


def _written(declared: str) -> tuple[str, ...]:
    found = _KIND.match(declared)
    if not found:
        return ()
    kind = found[1].lower()
    if kind.startswith(_COMPOSITE):
        return (UNKNOWN,)
    return kind, *_fitting(len(kind), _parameters(declared[found.end() :]))


def _fitting(length: int, found: Iterator[tuple[str, str]]) -> Iterator[str]:
    for name, value in found:
        written = parameter(name, value)
        if length + 2 + len(written) <= LONGEST:
            length += 2 + len(written)
            yield written


def _parameters(text: str) -> Iterator[tuple[str, str]]:
    """Yield each well-formed parameter once, the first of a name."""
    seen = set(_NOT_KEPT)
    for piece in _NEXT.finditer(text) if len(text) <= 4 * LONGEST else ():
        found = _PARAMETER.fullmatch(piece[0])
        value = re.sub(r"\\(.)", r"\1", found["token"] or found["quoted"]) if found else ""
        if found and value and (name := found["name"].lower()) not in seen:
            seen.add(name)
            yield name, value
