"""Two machines share one database: each has its web processes, its workers and its journal, and one of them dies."""

import time

from tests.faults import processes
from tests.faults.circumstances import BRIEF
from tests.faults.deaths import SETTLED, ill
from tests.faults.installation import ask
from tests.faults.trial import Scene

_UNDER_WAY = "SELECT id, epoch FROM delivery_email WHERE status = 'sending'"


def two_hosts(scene: Scene) -> None:
    """Customers order at both; one loses its power, the other one takes over, and the first comes back."""
    other = scene.gomail.beside("another-host")
    with other.running():
        scene.customers.ports.append(other.port)
        with ill(scene, "slowish"), scene.customers.ordering(scene.trial.rate):
            time.sleep(scene.trial.seconds / 2)
            other.lose_power()
            _expect_taken_over(scene)
            other.start()
            time.sleep(scene.trial.seconds / 2)
        scene.drain()
    scene.expect(not other.journals(), "a journal was left over on the machine that came back")
    scene.expect(_hosts(scene) == 2, f"workers of {_hosts(scene)} machines have worked")


def _expect_taken_over(scene: Scene) -> None:
    """See that what was under way is in other hands soon, or done."""
    held = set(ask(scene.gomail.watched, _UNDER_WAY))
    took = processes.eventually(
        lambda: not held & set(ask(scene.gomail.watched, _UNDER_WAY)), seconds=60, pause=0.5
    )
    scene.figures |= {"under way": str(len(held)), "taken over": f"{took:.1f} s"}
    scene.expect(took <= BRIEF + SETTLED, f"the other machine took over after {took:.0f} s")
    scene.expect(bool(held), "nothing was under way")


def _hosts(scene: Scene) -> int:
    return scene.ask("SELECT count(DISTINCT host) FROM delivery_worker")
