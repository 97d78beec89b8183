"""What GoMail stands on fails: its database stops, its disk is full, connections or files are few."""

import time
from contextlib import suppress

from tests.faults import processes
from tests.faults.deaths import ill
from tests.faults.trial import Scene

AWAY = 5.0  # seconds
BACK = 5.0  # seconds after which requests must be taken again
MOST_LINES = 50  # of a process, about one outage
_USUAL = ("gomail.server.record", "delivery.sending.attempts")  # one for each request, and for each attempt
_OPENED = "SELECT count(*) FROM delivery_circuitchange WHERE state = 'open'"


def stopped_database(scene: Scene) -> None:
    """PostgreSQL is stopped without warning, and is there again after five seconds."""
    assert scene.place.server
    with scene.customers.ordering(scene.trial.rate):
        time.sleep(scene.trial.seconds / 3)
        before = _lines(scene)
        scene.place.server.stop()
        time.sleep(AWAY)
        scene.place.server.start()
        expect_back(scene)
        time.sleep(scene.trial.seconds / 3)
        _expect_few_lines(scene, _lines(scene) - before)


def _lines(scene: Scene) -> int:
    """Return how many lines GoMail has written but the usual ones; those of a traceback count, too."""
    return sum(not any(name in line for name in _USUAL) for line in scene.gomail.log().splitlines())


def _expect_few_lines(scene: Scene, lines: int) -> None:
    each = lines / (scene.trial.web + scene.trial.workers)
    scene.figures["lines of a process"] = f"{each:.1f}"
    scene.expect(each < MOST_LINES, f"a process wrote {each:.0f} lines about the outage")


def full_disk(scene: Scene) -> None:
    """There is no room any more, for five seconds."""
    assert scene.place.disk
    with scene.customers.ordering(scene.trial.rate):
        time.sleep(scene.trial.seconds / 3)
        scene.place.disk.fill()
        time.sleep(AWAY)
        scene.place.disk.free()
        expect_back(scene)
        time.sleep(scene.trial.seconds / 3)


def full_log(scene: Scene) -> None:
    """There is no room for what processes print, from the middle on; some begin only then, and all end so."""
    assert scene.place.disk
    with scene.customers.ordering(scene.trial.rate):
        time.sleep(scene.trial.seconds / 2)
        scene.place.disk.fill()
        for kind in ("web", "worker"):
            for process in scene.nemesis.working(kind)[:1]:
                scene.nemesis.kill(process, kind)
        time.sleep(scene.trial.seconds / 2)


def few_files(scene: Scene) -> None:
    """No process may open more than a few files: what cannot be taken is refused, and no provider is blamed."""
    with ill(scene, "brisk"), scene.customers.ordering(scene.trial.rate):
        time.sleep(scene.trial.seconds)
    refused = sum(e.status == 503 for order in scene.customers.orders for e in order.exchanges)
    scene.figures["503"] = str(refused)
    scene.expect(refused > 0, "no request was refused")
    scene.expect(not scene.ask(_OPENED), "a provider's circuit opened")


def few_connections(scene: Scene) -> None:
    """There are more threads than connections: some are told to come again."""
    with scene.customers.ordering(scene.trial.rate):
        time.sleep(scene.trial.seconds)
    well = time.time()
    order = scene.customers.order("sync")
    scene.customers.place(order, scene.customers.connect())
    _note_back(scene, order.taken[0].ended - well if order.taken else float("inf"))


def expect_back(scene: Scene) -> None:
    well = time.time()

    def taken() -> bool:
        return any(e.started >= well for order in list(scene.customers.orders) for e in order.taken)

    seconds = float("inf")
    with suppress(processes.Late):
        seconds = processes.eventually(taken, seconds=60, pause=0.05)
    _note_back(scene, seconds)


def _note_back(scene: Scene, seconds: float) -> None:
    refused = sum(e.status == 503 for order in scene.customers.orders for e in order.exchanges)
    scene.figures |= {"back after": f"{seconds:.1f} s", "503": str(refused)}
    scene.expect(seconds <= BACK, f"requests were taken again only after {seconds:.0f} s")
