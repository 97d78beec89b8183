"""The record of a request that was answered: what is counted of it."""

from collections.abc import Mapping
from typing import Any, Final

from delivery.counting import counters

_V1: Final = "/api/v1/email-service/"
_PARTS: Final = (  # the first beginning that fits
    ("/health/", "health"),
    ("/metrics", "metrics"),
    (f"{_V1}send-", "send"),
    ("/email", "send"),
    (f"{_V1}batches", "send"),
    (f"{_V1}events/", "events"),
    ("/api", "api"),
    ("/u/", "unsubscribe"),
    ("/static/", "static"),
)


def note(environ: Mapping[str, Any], status: str, seconds: float) -> None:
    """Count a request by the part of the service that answered, and its status: `200 OK` is of 2xx."""
    counters.requested(part(environ.get("PATH_INFO", "")), f"{status[:1]}xx", seconds)


def part(path: str) -> str:
    """Return the part of the service that a path leads to."""
    return next((name for beginning, name in _PARTS if path.startswith(beginning)), "pages")
