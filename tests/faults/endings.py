"""How emails end that nobody gets: refused, cancelled before anybody was asked or after it, past their deadline."""

import time

from tests.faults import processes
from tests.faults.deaths import ill, place
from tests.faults.trial import Scene

_COUNT = "SELECT count(*) FROM delivery_email WHERE status = '{}'"
_ENDS = ("cancelled", "expired", "failed", "sent")
_PATIENCE = 90.0  # seconds
_REGRETTED = 4  # every so manieth order


def given_up(scene: Scene) -> None:
    """Vendors turn everybody away, then refuse, and are well at last; workers are killed in between."""
    with ill(scene, "unavailable"):
        with scene.customers.ordering(scene.trial.rate):
            time.sleep(scene.trial.seconds / 2)
            _kill_a_worker(scene)
            time.sleep(scene.trial.seconds / 2)
        _cancel_some(scene)
        scene.gomail.outlive()
        _await(scene, "expired")
    with ill(scene, "refusing"):
        _kill_a_worker(scene)
        _await(scene, "failed")
    place(scene, "async", scene.customers.subject)  # all others may be over by now
    scene.drain()
    found = {end: scene.ask(_COUNT.format(end)) for end in _ENDS}
    scene.figures |= {end: str(number) for end, number in found.items()}
    for end, number in found.items():
        scene.expect(number > 0, f"no email was {end}")


def _cancel_some(scene: Scene) -> None:
    connection = scene.customers.connect()
    for order in scene.customers.orders[::_REGRETTED]:
        if order.taken and not order.withdrawals:
            scene.customers.regret(order, connection)
    connection.close()


def _await(scene: Scene, end: str) -> None:
    """Wait for an email that has ended so; circuits that are open may be tried meanwhile."""

    def found() -> bool:
        scene.gomail.hurry()
        return scene.ask(_COUNT.format(end)) > 0

    processes.eventually(found, seconds=_PATIENCE, pause=2.0)


def _kill_a_worker(scene: Scene) -> None:
    for process in scene.nemesis.working("worker")[:1]:
        scene.nemesis.kill(process, "worker")
