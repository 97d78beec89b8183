"""How long a vendor wants to be left alone: `Retry-After` and its relatives, read alike for all."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from providers.errors import LONGEST_NAMED

_SHORTEST = 1.0  # seconds
_SECONDS = re.compile(r"(\d{1,9})(\.\d{1,9})?", re.ASCII)
_LONGEST_DATE = 64  # characters


def seconds(retry_after: str, *, longest: float = LONGEST_NAMED) -> float | None:
    """Return what a `Retry-After` says, from 1 s to `longest`; None when it says nothing that makes sense.

    RFC 9110, 10.2.3: seconds, or a date in one of the three forms of 5.6.7. A date that has passed means: now.
    """
    named = retry_after.strip()
    if _SECONDS.fullmatch(named):
        return _bounded(float(named), longest)
    moment = _date(named)
    return _bounded((moment - datetime.now(UTC)).total_seconds(), longest) if moment else None


def until(epoch: str) -> float | None:
    """Return the seconds until a moment in seconds since 1970, such as `X-RateLimit-Reset`; None if it is none."""
    named = epoch.strip()
    if not re.fullmatch(r"[0-9]{1,11}(\.[0-9]{1,9})?", named):
        return None
    return _bounded(float(named) - datetime.now(UTC).timestamp())


def _bounded(named: float, longest: float = LONGEST_NAMED) -> float:
    return min(max(named, _SHORTEST), longest)


def _date(text: str) -> datetime | None:
    if not re.match("[A-Za-z]", text) or len(text) > _LONGEST_DATE:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
