"""What nobody can have meant, and some database raises an error for."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.core.exceptions import ValidationError

_MOST: Final = 2**63 - 1  # of a row's number
_TOO_LARGE: Final = re.compile(r"\s*[+-]?\d{19,}\s*")


def filters(opts: Any, given: Iterable[tuple[str, Sequence[str]]]) -> bool:
    """Tell whether a filter can be compared with nothing: it holds a NUL, or a number that no related row has."""
    relations = {field.name for field in opts.fields if field.is_relation}
    return any(
        "\0" in value
        or (name.partition("__")[0] in relations and any(map(_TOO_LARGE.fullmatch, value.split(","))))
        for name, values in given
        for value in values
    )


def ticks(opts: Any, values: Iterable[str]) -> bool:
    """Tell whether one of these is the key of no row that the table could have."""
    return not all(_may_be_key(opts.pk, value) for value in values)


def _may_be_key(field: Any, value: str) -> bool:
    try:
        key = field.to_python(value)
    except (ValueError, ValidationError):
        return False
    return not (isinstance(key, int) and abs(key) > _MOST)
