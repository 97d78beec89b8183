"""What this thread is busy with, by ids: each line of the log says it, and so do spans. No address is among them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

REQUEST: Final = "request"  # and: team, email, attempt, provider
_now: ContextVar[dict[str, str] | None] = ContextVar("busy_with", default=None)


@contextmanager
def about(**ids: object) -> Iterator[dict[str, str]]:
    """Begin something of which these are the ids; give the place where `note` adds others."""
    place = dict(_now.get() or {}) | _told(ids)
    token = _now.set(place)
    try:
        yield place
    finally:
        _now.reset(token)


def note(**ids: object) -> None:
    """Add ids that have become known; nowhere, outside of anything that was begun."""
    place = _now.get()
    if place is not None:
        place.update(_told(ids))


def current() -> Mapping[str, str]:
    """Return the ids by their names."""
    return _now.get() or {}


def _told(ids: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in ids.items() if value is not None}
