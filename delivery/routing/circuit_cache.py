"""The circuits as this process knows them: read at most once a second, and again after a change of its own."""

import threading
import time
from dataclasses import dataclass

from django.db.models import Q
from django.db.models.functions import Now

from delivery.models import Circuit

_FRESH = 1.0  # seconds
_MOST = 1000  # senders' domains that are remembered


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """What was read for the emails of one domain."""

    circuits: dict[tuple[str, str], Circuit]
    read_at: float
    edition: int


class _Reader:
    """Keeps what was read last for each sender's domain.

    When it is a second old one thread reads anew, and the others go on with the old for that moment; when it is
    known to be wrong, or older, they wait.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}
        self._edition = 0

    def known(self, domain: str) -> dict[tuple[str, str], Circuit]:
        entry = self._entries.get(domain)
        if entry and self._is_fresh(entry):
            return entry.circuits
        if self._lock.acquire(blocking=not self._is_usable(entry)):
            try:
                entry = self._entries.get(domain)
                entry = entry if entry and self._is_fresh(entry) else self._read(domain)
            finally:
                self._lock.release()
        return entry.circuits if entry else {}

    def forget(self) -> None:
        self._edition += 1  # what is being read at this moment is old already

    def _is_usable(self, entry: _Entry | None) -> bool:
        """Tell whether it will do for the moment in which another thread reads."""
        if entry is None or entry.edition != self._edition:
            return False
        return time.monotonic() - entry.read_at <= 2 * _FRESH

    def _is_fresh(self, entry: _Entry) -> bool:
        return entry.edition == self._edition and time.monotonic() - entry.read_at <= _FRESH

    def _read(self, domain: str) -> _Entry:
        begun, edition = time.monotonic(), self._edition
        # A sender's circuit matters as long as it is open; nobody closes it.
        senders = Q(sender_domain=domain, retry_at__gt=Now())
        rows = Circuit.objects.filter(Q(sender_domain="") | senders)
        found = {(row.provider, row.sender_domain): row for row in rows}
        if len(self._entries) >= _MOST:
            self._entries.clear()
        self._entries[domain] = _Entry(circuits=found, read_at=begun, edition=edition)
        return self._entries[domain]


_reader = _Reader()


def of(provider: str, sender_domain: str) -> list[Circuit]:
    """Return the circuits that decide about an email: the provider's and that of the sender's domain."""
    known = _reader.known(sender_domain)
    keys = dict.fromkeys([(provider, ""), (provider, sender_domain)])
    return [known[key] for key in keys if key in known]


def of_provider(provider: str, sender_domain: str = "") -> Circuit | None:
    """Return the circuit of a provider as a whole, as an email of this domain has read it; None: nothing was wrong."""
    return _reader.known(sender_domain).get((provider, ""))


def forget() -> None:
    """Read anew next time."""
    _reader.forget()
