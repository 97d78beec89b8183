"""Metrics in Prometheus's format: what all processes of this machine have counted, and how things are now.

While the database is away the counters are told all the same, and `gomail_database_up` is 0.
"""

import hmac
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from delivery.counting import slots
from delivery.counting.counters import PREFIX
from delivery.monitoring import gauges
from delivery.monitoring.gauges import Read

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_merged: Any = MultiProcessCollector.merge  # untyped
KEPT: Final = 5.0  # seconds for which what was read is told again
_KEPT_LONGER: Final = 60.0  # what may be many, and changes slowly


class _Kept:
    """Some gauges, read when they are too old; one thread reads, and the others wait for it."""

    def __init__(self, read: Read, seconds: float) -> None:
        self._read, self._seconds = read, seconds
        self._lock = threading.Lock()
        self._until = float("-inf")
        self._found: Sequence[Metric] = ()

    def get(self) -> Sequence[Metric]:
        """Return them. Raises the errors of a database that is away."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._found = tuple(self._read())
                self._until = time.monotonic() + self._seconds
            return self._found

    def forget(self) -> None:
        self._until = float("-inf")


_GAUGES: Final = (
    _Kept(gauges.of_emails, KEPT),
    _Kept(gauges.of_providers, KEPT),
    _Kept(gauges.of_the_rest, KEPT),
    _Kept(gauges.of_what_changes_slowly, _KEPT_LONGER),
)


def read() -> bytes:
    """Return all of them as text. Raises no database error."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_All())
    return generate_latest(registry)


def may_be_read(shown: str, client: str) -> bool:
    """Tell whether this client may read them, by what it shows as its authorization, or by its address.

    `client` is empty for one that may be anybody: behind a proxy that nobody has named, or at a Unix socket.
    """
    if settings.METRICS_SECRET:
        return hmac.compare_digest(shown.encode(), f"Bearer {settings.METRICS_SECRET}".encode())
    with suppress(ValueError):
        return any(ip_address(client) in network for network in settings.GOMAIL_METRICS_NETS)
    return False


def forget() -> None:
    """Read all gauges anew the next time."""
    for kept in _GAUGES:
        kept.forget()


class _All:
    """What prometheus-client asks for metrics."""

    def collect(self) -> Iterator[Metric]:
        yield _one("build_info", "This version.", 1.0, version=settings.GOMAIL_VERSION)
        yield from _merged(slots.files())
        now = _now()
        yield _one("database_up", "Whether the database answers.", float(now is not None))
        yield from now or ()


def _now() -> Iterable[Metric] | None:
    """Return all gauges; None while the database is away: half of them would look as if the rest were 0."""
    try:
        return [metric for kept in _GAUGES for metric in kept.get()]
    except (DatabaseError, InterfaceError):
        return None


def _one(name: str, meaning: str, value: float, **labels: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(PREFIX + name, meaning, labels=list(labels))
    family.add_metric(list(labels.values()), value)
    return family
