"""A JSON document in pieces: its lists are written row by row."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder


def pieces(values: Iterable[tuple[str, Any]]) -> Iterator[str]:
    """Yield a document of these names and values; an iterator among them becomes a list."""
    before = "{\n"
    for name, value in values:
        yield f"{before}{_json(name)}: "
        yield from _list(value) if isinstance(value, Iterator) else [_json(value)]
        before = ",\n"
    yield "\n}\n"


def _list(rows: Iterator[Any]) -> Iterator[str]:
    before = "["
    for row in rows:
        yield f"{before}\n{_json(row)}"
        before = ","
    yield "[]" if before == "[" else "\n]"


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
