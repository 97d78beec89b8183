"""This process's cache of the circuits: read at most once a second, and again after a change of its own."""

import threading
import time
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from delivery.db import compiled
from delivery.models import Circuit

_FRESH = 1.0  # seconds
_MOST = 1000  # senders in the cache


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """The circuits read for the emails of one sender."""

    circuits: dict[tuple[str, str], Circuit]
    read_at: float
    version: int


def _applying(names: compiled.Parameters) -> QuerySet[Circuit]:
    """Return the circuits of all, and those of a sender: they matter until their retry_at, and nobody closes them."""
    of_sender = Q(sender_domain__in=names, retry_at__gt=Now())
    return Circuit.objects.filter(Q(sender_domain="") | of_sender)


_APPLYING = compiled.Select[Circuit]("sender_domain", _applying)


class _Reader:
    """Keeps the circuits read last for each sender address.

    When an entry is a second old, one thread reads it again and the others use the old one meanwhile. When it is
    invalid, or older than two seconds, they wait.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}
        self._version = 0

    def known(self, sender: str) -> dict[tuple[str, str], Circuit]:
        entry = self._entries.get(sender)
        if entry and self._is_fresh(entry):
            return entry.circuits
        if self._lock.acquire(blocking=not self._is_usable(entry)):
            try:
                entry = self._entries.get(sender)
                entry = entry if entry and self._is_fresh(entry) else self._read(sender)
            finally:
                self._lock.release()
        return entry.circuits if entry else {}

    def forget(self) -> None:
        self._version += 1  # an entry being read at this moment is outdated, too

    def _is_usable(self, entry: _Entry | None) -> bool:
        """Tell whether the entry may be used while another thread reads a new one."""
        if entry is None or entry.version != self._version:
            return False
        return time.monotonic() - entry.read_at <= 2 * _FRESH

    def _is_fresh(self, entry: _Entry) -> bool:
        return entry.version == self._version and time.monotonic() - entry.read_at <= _FRESH

    def _read(self, sender: str) -> _Entry:
        begun, version = time.monotonic(), self._version
        found = {(row.provider, row.sender_domain): row for row in _APPLYING.run(_names(sender))}
        if len(self._entries) >= _MOST:
            self._entries.clear()
        self._entries[sender] = _Entry(circuits=found, read_at=begun, version=version)
        return self._entries[sender]


_reader = _Reader()


def of(provider: str, sender: str) -> list[Circuit]:
    """Return the circuits that apply to an email: the provider's, that of its sender's domain and of its sender."""
    known = _reader.known(sender)
    return [known[key] for name in ("", *_names(sender)) if (key := (provider, name)) in known]


def of_provider(provider: str, sender: str = "") -> Circuit | None:
    """Return the provider's circuit, as cached for this sender; None: it has never been opened."""
    return _reader.known(sender).get((provider, ""))


def forget() -> None:
    """Invalidate the cache."""
    _reader.forget()


def _names(sender: str) -> list[str]:
    """Return what the circuits of a sender are kept by."""
    return [sender.rpartition("@")[2], sender] if sender else []
