"""The border of vendors' suppression lists: whom a vendor drops mail to, silently, after accepting it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, Final, Protocol

LONGEST_PAGE: Final = 8 * 1024 * 1024  # bytes of one answer of a list


class Cause(StrEnum):
    """Why an address is on a vendor's list, in our words."""

    HARD_BOUNCE = "hard_bounce"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    INVALID = "invalid"
    MANUAL = "manual"
    VENDOR = "vendor"  # it does not say


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One address on one list."""

    address: str
    cause: Cause
    list_name: str = ""  # unsubscribed from this one only; empty: from all that can be
    reason: str = ""
    at: datetime | None = None
    expires_at: datetime | None = None


class Incomplete(Exception):
    """The vendor tells only a part of its list; the text says what to do. What it told has been yielded."""


class Lists(Protocol):
    """The suppression lists of one account. All calls may be repeated; each raises a ProviderError."""

    def read(self, since: datetime | None) -> Iterator[Sequence[Listed]]:
        """Yield the entries by pages, those made since then if the vendor can tell; at the end raise Incomplete."""

    def add(self, several: Sequence[Listed]) -> None:
        """Put addresses on the list that fits best."""

    def remove(self, address: str) -> None:
        """Take an address off every list; it need not be on any."""

    def close(self) -> None:
        """Close the connections."""


def moment(told: Any) -> datetime | None:
    """Read a vendor's time: seconds since 1970, ISO 8601 or RFC 2822, in UTC unless it says otherwise."""
    try:
        if isinstance(told, int | float) and not isinstance(told, bool):
            return datetime.fromtimestamp(told, tz=UTC)
        if not isinstance(told, str) or not told.strip():
            return None
        found = parsedate_to_datetime(told) if "," in told else datetime.fromisoformat(told.strip())
    except (ValueError, TypeError, OverflowError, OSError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def text(fields: Any, name: str) -> str:
    """Return a text of an answer; empty if it has none."""
    found = fields.get(name) if isinstance(fields, dict) else None
    return found if isinstance(found, str) else "" if found is None else str(found)
