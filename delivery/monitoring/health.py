"""The installation's health. It may be shown to anybody: no vendors' texts, no addresses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from delivery.db import clock
from delivery.models import Circuit, ProviderCheck
from delivery.monitoring import machines, readiness
from delivery.queue import heartbeats, watermark
from delivery.routing import circuit_cache, configured
from delivery.submission import backpressure

_OK, _NOT_KNOWN, _AWAY = machines.OK, "not known", machines.AWAY
READY, DEGRADED, UNAVAILABLE = "ready", "degraded", "unavailable"
_VERDICTS = {True: "ready", False: "failed"}


@dataclass(frozen=True, kw_only=True)
class ProviderHealth:
    """The health of one provider."""

    state: str  # in use, paused, not used, being tried, out of service
    check: str  # its last readiness check: ready, failed, not asked

    @property
    def is_sending(self) -> bool:
        """Tell whether mail goes by it. A check that failed is told, and says nothing of that: mail does."""
        return self.state in ("in use", "paused")


@dataclass(frozen=True, kw_only=True)
class Health:
    """The health of the installation."""

    database: str  # "ok", or what is wrong
    queue: str = _NOT_KNOWN  # "ok", or "full"
    disk: str = _NOT_KNOWN  # "ok", "nearly full", or what cannot be written
    scanner: str = _NOT_KNOWN  # "ok", "away", or "off"
    clock: str = _NOT_KNOWN  # "ok", or by how much this machine's differs from the database's
    workers: int = 0  # delivery workers that are running
    providers: Mapping[str, ProviderHealth] = field(default_factory=dict)  # in order of preference

    @property
    def status(self) -> str:
        """`ready`; `degraded`: accepts emails, but some may wait; `unavailable`: accepts none."""
        if {self.database, self.queue, self.disk} != {_OK} or not self.providers:
            return UNAVAILABLE
        well = (
            self.workers
            and self.clock == _OK
            and self.scanner != _AWAY
            and all(provider.is_sending for provider in self.providers.values())
        )
        return READY if well else DEGRADED


def look() -> Health:
    """Return the health by the database alone, without asking a provider. Raises no database error."""
    try:
        if not _is_migrated():
            return Health(database="not migrated")
        return _found()
    except (DatabaseError, InterfaceError):
        return Health(database="cannot be used")


def _found() -> Health:
    reading = backpressure.reading()
    return Health(
        database=watermark.WORD if watermark.held_before() else _OK,
        queue="full" if reading.queue_is_full else _OK,
        disk=machines.disk(reading.short_of_room),
        scanner=machines.scanner(),
        clock=machines.time(),
        workers=heartbeats.running().count(),
        providers=_providers(),
    )


def _is_migrated() -> bool:
    return _wanted() <= MigrationRecorder(connection).applied_migrations().keys()


@cache  # they are read from files
def _wanted() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).disk_migrations or ())


def _providers() -> dict[str, ProviderHealth]:
    checks = readiness.answers()
    return {
        name: ProviderHealth(state=_state(name), check=_verdict(checks.get(name)))
        for name in configured.names()
    }


def _state(name: str) -> str:
    circuit = circuit_cache.of_provider(name)
    if circuit is None:
        return str(Circuit.State.CLOSED.label)
    paused = circuit.paused_until is not None and circuit.paused_until > clock.now()
    return "paused" if paused and circuit.state == Circuit.State.CLOSED else circuit.get_state_display()


def _verdict(check: ProviderCheck | None) -> str:
    if check is None or (check.ready and not check.can_be_asked):
        return "not asked"
    return _VERDICTS[check.ready]
