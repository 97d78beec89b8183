"""The record of a request that was answered: one line in the log, and what is counted of it."""

import logging
from collections.abc import Mapping
from typing import Any, Final

from delivery.counting import counters
from gomail.request_id import BUSY_WITH

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


_QUIET: Final = (
    "health",
    "metrics",
    "static",
)  # asked again and again; no line tells of an answer that is well
log = logging.getLogger(__name__)


def note(environ: Mapping[str, Any], name: str, status: str, seconds: float) -> None:
    """Log and count a request by its name, the part of the service that answered, and its status, such as `200 OK`."""
    path = environ.get("PATH_INFO", "")
    of = part(path)
    counters.requested(of, f"{status[:1]}xx", seconds)
    if of in _QUIET and status < "400":
        return
    method, number, took = environ.get("REQUEST_METHOD", ""), status[:3], round(seconds * 1000)
    ids = {"request": name, **environ.get(BUSY_WITH, {})}
    facts = {
        "event.action": "request",
        "event.outcome": "failure" if status >= "500" else "success",
        "http.request.method": method,
        "url.path": path,
        "http.response.status_code": int(number),
        "duration_ms": took,
    }
    log.info("%s %s %s %d ms", method, path, number, took, extra={"ids": ids, "facts": facts})


def part(path: str) -> str:
    """Return the part of the service that a path leads to."""
    return next((name for beginning, name in _PARTS if path.startswith(beginning)), "pages")
