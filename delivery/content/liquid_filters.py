"""Filters of Liquid with what goes in and what comes out bounded; see liquid_env."""

import re
from collections.abc import Callable, Mapping
from functools import update_wrapper
from typing import Any, Final

from delivery.content import liquid_meter
from delivery.content.liquid_meter import Missing, TooMuch

MOST_ITEMS: Final = 2_000  # of a list that a filter reads or makes
LONGEST_TEXT: Final = 200_000  # that a filter reads or makes
_MOST_BITS = 1_024
_MOST_JOINED = 200  # by concat: a list of one large object many times has no bound otherwise
_LONGEST_FORMAT = 100
_WIDTH = re.compile(r"%[-_0^#]*[0-9]")  # %999999999d makes a gigabyte
_TRUSTED_WITH_NOTHING = frozenset({"default"})  # filters for what is missing


def bounded(name: str, inner: Callable[..., Any]) -> Callable[..., Any]:
    """Return the filter with its input and its result bounded."""
    refuse = _BEFORE.get(name, _nothing)

    def run(left: object, *args: object, **kwargs: object) -> object:
        liquid_meter.of_thread().tick()
        if isinstance(left, Missing) and name not in _TRUSTED_WITH_NOTHING:
            left.note()
            return ""
        if left is None and name == "date":
            return ""  # the library raises for what is merely absent
        for value in (left, *args):
            _refuse_large(value)
        refuse(left, *args)
        result = inner(left, *args, **kwargs)
        _refuse_large(result)
        return result

    return update_wrapper(run, inner)


def _refuse_large(value: object) -> None:
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            raise TooMuch(f"a filter meets a text of more than {LONGEST_TEXT:,} characters", token=None)
    elif isinstance(value, list | tuple | range | dict):
        if len(value) > MOST_ITEMS:
            raise TooMuch(f"a filter meets a list of more than {MOST_ITEMS:,} items", token=None)
    elif isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise TooMuch("a number has too many digits", token=None)


def _nothing(left: object, *args: object) -> None:
    """Refuse nothing more."""


def _before_join(left: object, separator: object = " ", *_: object) -> None:
    items = left if isinstance(left, list | tuple | range) else [left]
    size = len(items) * len(str(separator))
    for item in items:
        size += len(str(item))
        if size > LONGEST_TEXT:
            raise TooMuch(f"join makes more than {LONGEST_TEXT:,} characters", token=None)


def _before_replace(left: object, old: object = "", new: object = "", *_: object) -> None:
    if str(left).count(str(old)) * len(str(new)) > LONGEST_TEXT:
        raise TooMuch(f"replace makes more than {LONGEST_TEXT:,} characters", token=None)


def _before_concat(left: object, other: object = (), *_: object) -> None:
    if sum(len(each) for each in (left, other) if isinstance(each, list | tuple)) > _MOST_JOINED:
        raise TooMuch(f"concat makes a list of more than {_MOST_JOINED} items", token=None)


def _before_date(left: object, shape: object = "", *_: object) -> None:
    if len(str(shape)) > _LONGEST_FORMAT or _WIDTH.search(str(shape)):
        raise TooMuch("a date's format is too long, or has a width", token=None)
    if isinstance(left, str) and len(left) > _LONGEST_FORMAT:
        raise TooMuch("this is no date", token=None)


_BEFORE: Mapping[str, Callable[..., None]] = {
    "join": _before_join,
    "replace": _before_replace,
    "concat": _before_concat,
    "date": _before_date,
}
