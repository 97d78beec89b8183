"""What a worker does about troubles: it tells what is wrong with its machine, and one of all workers tells people."""

import time
from collections.abc import Callable

from django.db import connection

from delivery.monitoring import alerts, lookout, machines, pings, telling
from delivery.monitoring.detectors import Looks
from delivery.workers import loop

GoingOn = Callable[[], bool]
_TICKS, _TICK_SECONDS = 10, 0.2  # between two steps
_REPORT_SECONDS = 5.0


class _Memory:
    """What this process knows of its own steps."""

    looks = Looks()
    reported_at = float("-inf")


def run(going_on: GoingOn) -> None:
    """Look for troubles, and tell people, while it goes on; a message under way is finished."""
    while going_on():
        loop.guarded(lambda: step(going_on), "Nobody could be told of troubles")
        for _ in range(_TICKS):
            if going_on():
                time.sleep(_TICK_SECONDS)
    loop.guarded(lookout.leave, "Another worker looks for troubles when the lease of this one is over")
    connection.close()


def step(going_on: GoingOn) -> None:
    """Report on this machine; if it is this process's turn, look for what is due, and tell what is due."""
    _report()
    if not lookout.hold():
        _Memory.looks = Looks()
        return
    telling.prepare()
    for detector in _Memory.looks.due():
        loop.guarded(detector.look, f"It could not be seen whether there is trouble ({detector.kind.value})")
    alerts.tell_due(lambda: going_on() and lookout.hold())
    pings.ping_due()


def _report() -> None:
    if time.monotonic() - _Memory.reported_at >= _REPORT_SECONDS:
        _Memory.reported_at = time.monotonic()
        machines.report()
