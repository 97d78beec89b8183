"""Counters: what is counted as it happens. Nothing that is counted may fail, or wait, because it is counted.

No label is an address, a subject, a tag or a team: each has few values, by the configuration or by the code.
"""

import logging
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, wraps
from typing import Final, ParamSpec

from django.conf import settings
from prometheus_client import Counter, Histogram, values

from delivery.counting import slots

PREFIX: Final = "gomail_"
_QUICK: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)  # seconds
_OF_VENDORS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_OF_EVENTS: Final = (1, 5, 15, 60, 300, 900, 3600, 21_600, 86_400)
_PAUSE: Final = 60.0  # seconds in which nothing is counted after it could not be
P = ParamSpec("P")
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Counters:
    """All of them. The files are opened when the first one counts."""

    emails_accepted: Counter
    accept_duration: Histogram
    attempts: Counter
    attempt_duration: Histogram
    events: Counter
    events_refused: Counter
    event_lag: Histogram
    unknown_settled: Counter
    webhook_calls: Counter
    http_requests: Counter
    http_request_duration: Histogram


class _Off:
    """Until when nothing is counted."""

    until = float("-inf")


def _quietly(count: Callable[P, None]) -> Callable[P, None]:
    """Have it counted, or not where the files cannot be had: that is said once a minute."""

    @wraps(count)
    def counted(*args: P.args, **kwargs: P.kwargs) -> None:
        if time.monotonic() < _Off.until:
            return
        try:
            count(*args, **kwargs)
        except OSError as error:
            _Off.until = time.monotonic() + _PAUSE
            log.warning("Nothing is counted for a minute, the files of metrics cannot be used: %s", error)

    return counted


@_quietly
def accepted(priorities: Iterable[str], seconds: float) -> None:
    """Count emails that are durable now, and how long that took for all of them together."""
    for priority in priorities:
        _counters().emails_accepted.labels(priority).inc()
    _counters().accept_duration.observe(seconds)


@_quietly
def attempted(provider: str, outcome: str, seconds: float) -> None:
    """Count an answer of a provider, or that none came."""
    _counters().attempts.labels(provider, outcome).inc()
    _counters().attempt_duration.labels(provider).observe(seconds)


@_quietly
def told(account: str, kind: str, lag: float) -> None:
    """Count a new event, which came so many seconds after it happened by the vendor's clock."""
    _counters().events.labels(account, kind).inc()
    _counters().event_lag.labels(account).observe(max(lag, 0.0))


@_quietly
def refused(account: str, reason: str) -> None:
    """Count a post of events that was not believed."""
    _counters().events_refused.labels(account, reason).inc()


@_quietly
def settled(by: str) -> None:
    """Count an unknown attempt of which it is known now what became of it."""
    _counters().unknown_settled.labels(by).inc()


@_quietly
def called(outcome: str) -> None:
    """Count a call of a webhook."""
    _counters().webhook_calls.labels(outcome).inc()


@_quietly
def requested(part: str, status: str, seconds: float) -> None:
    """Count a request that was answered; `part` and `status` are classes of them."""
    _counters().http_requests.labels(part, status).inc()
    _counters().http_request_duration.labels(part).observe(seconds)


@cache
def _counters() -> _Counters:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(settings.GOMAIL_METRICS_DIR)
    values.ValueClass = values.MultiProcessValue(slots.mine)  # type: ignore[no-untyped-call]
    return _Counters(
        emails_accepted=_counter("emails_accepted", "Emails that GoMail has taken.", "priority"),
        accept_duration=_histogram("accept_duration", "Until what is taken is durable.", _QUICK),
        attempts=_counter("attempts", "Hand-overs to providers, by their outcomes.", "provider", "outcome"),
        attempt_duration=_histogram("attempt_duration", "Of a hand-over.", _OF_VENDORS, "provider"),
        events=_counter("events", "New events of vendors.", "provider", "kind"),
        events_refused=_counter("events_refused", "Posts that were not believed.", "provider", "reason"),
        event_lag=_histogram("event_lag", "From what happened to its event.", _OF_EVENTS, "provider"),
        unknown_settled=_counter("unknown_settled", "Unknown attempts that became known.", "by"),
        webhook_calls=_counter("webhook_calls", "Calls of clients' endpoints.", "outcome"),
        http_requests=_counter("http_requests", "Requests that were answered.", "part", "status"),
        http_request_duration=_histogram("http_request_duration", "Of a request.", _QUICK, "part"),
    )


def _counter(name: str, meaning: str, *labels: str) -> Counter:
    return Counter(PREFIX + name, meaning, labels, registry=None)


def _histogram(name: str, meaning: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
    return Histogram(f"{PREFIX}{name}_seconds", meaning, labels, buckets=buckets, registry=None)
