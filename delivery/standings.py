"""The circuits as this process knows them: read at most once a second, and again after a change of its own."""

import threading
import time
from collections.abc import Mapping

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from delivery.models import Circuit

_FRESH = 1.0  # seconds
_NEVER = float("-inf")
_MOST = 5000  # circuits; who sends from many strange domains makes many
_Known = Mapping[tuple[str, str], Circuit]


class _Reader:
    """Keeps what was read last.

    When it is a second old one thread reads anew, and the others go on with the old for that moment; when it is
    known to be wrong they wait.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: _Known = {}
        self._read_at = _NEVER
        self._edition = 0

    def known(self) -> _Known:
        if self._is_old() and self._lock.acquire(blocking=self._read_at == _NEVER):
            try:
                if self._is_old():
                    self._read()
            finally:
                self._lock.release()
        return self._known

    def _is_old(self) -> bool:
        return time.monotonic() - self._read_at > _FRESH

    def forget(self) -> None:
        self._edition += 1  # what is being read at this moment is old already
        self._read_at = _NEVER

    def _read(self) -> None:
        begun, edition = time.monotonic(), self._edition
        self._known = {(row.provider, row.sender_domain): row for row in _rows()[:_MOST]}
        self._read_at = begun if edition == self._edition else _NEVER


_reader = _Reader()


def of(provider: str, sender_domain: str) -> list[Circuit]:
    """Return the circuits that decide about an email: the provider's and that of the sender's domain."""
    known = _reader.known()
    keys = dict.fromkeys([(provider, ""), (provider, sender_domain)])
    return [known[key] for key in keys if key in known]


def of_provider(provider: str) -> Circuit | None:
    """Return the circuit of a provider as a whole; None if nothing was ever wrong with it."""
    return _reader.known().get((provider, ""))


def forget() -> None:
    """Read anew next time."""
    _reader.forget()


def _rows() -> QuerySet[Circuit]:
    """Those of senders' domains matter as long as they are open; nobody closes them."""
    return Circuit.objects.filter(Q(sender_domain="") | Q(retry_at__gt=Now())).order_by("sender_domain")
