"""Answers come late: after a claim has ended, when nobody waits for them any more, or just slowly."""

import time
from contextlib import suppress

from tests.faults import processes
from tests.faults.deaths import ill, orders, place
from tests.faults.stub import WAITS
from tests.faults.trial import Scene

_SENT = "SELECT count(*) FROM delivery_email WHERE status = 'sent'"
_REFUSED = (
    "SELECT count(DISTINCT email_id) FROM delivery_attempt JOIN delivery_email ON delivery_email.id = email_id"
    " WHERE outcome = 'refused' AND delivery_email.status = 'sent'"
)
_BEFORE = 3.0  # seconds in which everybody has begun


def slowly(scene: Scene) -> None:
    """Customers order, and vendors take their time until everything is settled."""
    orders(scene)
    with ill(scene, scene.trial.vendors), suppress(processes.Late):
        processes.eventually(lambda: not scene.gomail.unsettled(), seconds=scene.trial.drain, pause=0.5)


def refused_late(scene: Scene) -> None:
    """Vendors refuse what others have sent meanwhile: the late word of a claim that is over changes nothing."""
    with ill(scene, "late_refusal"):
        _place_all(scene)
    scene.drain()
    time.sleep(WAITS["late_refusal"])
    scene.drain()
    refused = scene.ask(_REFUSED)
    scene.figures["sent before they were refused"] = str(refused)


def in_vain(scene: Scene) -> None:
    """Vendors take mail, and answer when nobody waits for it any more; later they are quick."""
    with ill(scene, "slowish"), scene.customers.ordering(scene.trial.rate):
        time.sleep(scene.trial.seconds)
    scene.gomail.hurry()  # else all would wait for half a minute: no circuit is tried before
    scene.drain()


def renewed(scene: Scene) -> None:
    """Vendors take longer than a claim lasts, which is renewed meanwhile."""
    with ill(scene, "slow"):
        _place_all(scene)
        processes.eventually(lambda: scene.ask(_SENT) == scene.trial.letters, seconds=60, pause=0.5)


def _place_all(scene: Scene) -> None:
    """Order so many letters, and wait until a vendor has all of them."""
    for _ in range(scene.trial.letters):
        place(scene, "async", scene.customers.subject)
    processes.eventually(lambda: len(scene.vendors.ledger()) >= scene.trial.letters, seconds=60)
