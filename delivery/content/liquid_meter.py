"""What one rendering of Liquid may use, and what it has looked for in vain: a meter, one for each thread at a time."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, cast

from liquid import BoundTemplate
from liquid.exceptions import ResourceLimitError
from liquid.undefined import FalsyStrictUndefined

SECONDS: Final = 1.0  # of the processor, for all parts of one email
MOST_TURNS: Final = 20_000  # of all loops together
_UNDEFINED = " is undefined"  # how the library's hints end


class TooMuch(ResourceLimitError):
    """The template asks for more than a rendering may use."""


class Meter:
    """What one rendering may still use, what it has looked for in vain, and its partials."""

    __slots__ = ("deadline", "missing", "optional", "partials", "turns")

    def __init__(self, optional: frozenset[str] = frozenset()) -> None:
        self.deadline = time.thread_time() + SECONDS
        self.turns = MOST_TURNS
        self.optional = optional  # variables that may be absent with all their parts
        self.missing: dict[str, None] = {}  # in the order of the template
        self.partials: Mapping[str, BoundTemplate] = {}

    def tick(self) -> None:
        """Raise TooMuch once the time is over."""
        if time.thread_time() > self.deadline:
            raise TooMuch(f"rendering takes longer than {SECONDS:.0f} s", token=None)

    def take(self, turns: int) -> None:
        """Take the turns of a loop; raise TooMuch where there are not so many left."""
        self.turns -= turns
        if self.turns < 0:
            raise TooMuch(f"its loops have more than {MOST_TURNS:,} turns", token=None)


_now = threading.local()


def of_thread() -> Meter:
    """Return the meter that this thread renders on."""
    return cast(Meter, _now.meter)


@contextmanager
def metered(meter: Meter) -> Iterator[Meter]:
    """Let this thread render on this meter."""
    before = getattr(_now, "meter", None)
    _now.meter = meter
    try:
        yield meter
    finally:
        _now.meter = before


class Missing(FalsyStrictUndefined):
    """What the data lacks. It is empty, and noted where it would be seen; a test of it is false and no fault."""

    def __getattribute__(self, name: str) -> object:
        """Have every attribute: the library's strict one raises for all but a few."""
        return object.__getattribute__(self, name)

    def note(self) -> None:
        """Note it, unless it may be absent."""
        meter = of_thread()
        if self.name not in meter.optional:
            hint = self.hint or ""
            named = hint.removesuffix(_UNDEFINED) if hint.endswith(_UNDEFINED) else self.name
            meter.missing[named.strip("'")] = None

    def __str__(self) -> str:
        self.note()
        return ""

    def __len__(self) -> int:
        self.note()
        return 0

    def __iter__(self) -> Iterator[Any]:
        self.note()
        return iter(())

    def __getitem__(self, key: str) -> object:
        raise KeyError(key)

    def __contains__(self, item: object) -> bool:
        return False

    def __int__(self) -> int:
        self.note()
        return 0

    def __hash__(self) -> int:
        return 0

    def items(self) -> Any:
        """Return nothing, for a loop."""
        self.note()
        return ()
