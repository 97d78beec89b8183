"""This process's cache of the endpoints that listen: read at most once a second, and after a change of its own."""

import threading
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from delivery.db import compiled
from delivery.models import WebhookEndpoint
from delivery.webhooks import kinds

_FRESH = 1.0  # seconds


@dataclass(frozen=True, kw_only=True)
class _Listener:
    """An endpoint that is switched on."""

    endpoint: UUID
    team_id: int | None
    events: frozenset[str]  # empty: all

    def hears(self, kind: str, team_id: int | None) -> bool:
        concerns = kind in kinds.PROVIDERS or self.team_id == team_id
        return concerns and (not self.events or kind in self.events)


class _Reader:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: list[_Listener] = []
        self._fresh_until = 0.0

    def known(self) -> list[_Listener]:
        if time.monotonic() < self._fresh_until:
            return self._known
        with self._lock:
            if time.monotonic() >= self._fresh_until:
                begun = time.monotonic()
                self._known, self._fresh_until = _read(), begun + _FRESH
            return self._known

    def forget(self) -> None:
        with self._lock:  # what is being read at this moment is outdated, too
            self._fresh_until = 0.0


_reader = _Reader()


def of(kind: str, team_id: int | None) -> list[UUID]:
    """Return the endpoints that are told of this; a change by another process is known after a second."""
    return [listener.endpoint for listener in _reader.known() if listener.hears(kind, team_id)]


def forget() -> None:
    """Invalidate the cache: an endpoint of this process's making is told from now on."""
    _reader.forget()


def _read() -> list[_Listener]:
    return [
        _Listener(endpoint=pk, team_id=team_id, events=frozenset(events))
        for pk, team_id, events in _LISTENING.run()
    ]


def _listening(_: compiled.Parameters) -> QuerySet[WebhookEndpoint, Any]:
    on = WebhookEndpoint.objects.filter(enabled=True, deleted_at=None)
    return on.order_by("pk").values_list("pk", "team_id", "events")


_LISTENING = compiled.SelectColumns("pk", _listening)
