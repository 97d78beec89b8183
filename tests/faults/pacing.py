"""An account that may send 14 mails a second: what it sees of four workers with eight threads each."""

import time
from collections.abc import Sequence
from itertools import pairwise

from tests.faults import processes
from tests.faults.deaths import orders
from tests.faults.trial import Scene
from tests.faults.vendors import Entry

RATE, WINDOW = 14.0, 2.0  # mails a second, and the seconds over which they are counted
ALLOWED = int(RATE * WINDOW) + 1  # one mail on the window's edge
_USE = 0.95
_CALM = 3.0  # seconds until all workers have begun, and after one was killed
_PIECE = 8  # moments that a killed process may have taken; see delivery/routing/lines.py
_WAITING = "SELECT count(*) FROM delivery_email WHERE due_at IS NOT NULL"


def paced(scene: Scene) -> None:
    """More is ordered than the account may send, and a worker is killed on the way."""
    scene.vendors.limit("ses", RATE, 1_000_000)
    scene.gomail.command("check_providers", "ses")
    orders(scene)
    begun = time.time() + _CALM
    processes.eventually(lambda: scene.ask(_WAITING) < scene.trial.letters / 2, seconds=60)
    killed = time.time()
    scene.nemesis.kill(scene.nemesis.working("worker")[0], "worker")
    processes.eventually(lambda: scene.ask(_WAITING) < scene.trial.letters / 10, seconds=60)
    _judge(scene, begun, killed, time.time())
    scene.vendors.limit("ses", 1000.0, 1_000_000)
    scene.gomail.command("check_providers", "ses")


def _judge(scene: Scene, begun: float, killed: float, end: float) -> None:
    seen = [entry for entry in scene.vendors.ledger() if entry.vendor == "ses"]
    most, share = most_in_a_window(moments(seen)), used(moments(seen), begun, killed)
    gap = max(after - before for before, after in pairwise([at for at in moments(seen) if killed < at < end]))
    throttled = sum(entry.mode == "throttled" for entry in seen)
    scene.figures |= {
        "most in 2 s": f"{most} of {ALLOWED}",
        "use": f"{share:.1%}",
        "throttled": f"{throttled}",
        "longest gap after the kill": f"{gap:.2f} s",
    }
    scene.expect(most <= ALLOWED, f"the account saw {most} mails in 2 s")
    scene.expect(not throttled, f"the account throttled {throttled} mails")
    scene.expect(share >= _USE, f"{share:.1%} of the rate were used")
    scene.expect(gap <= (_PIECE + 1) / RATE, f"for {gap:.2f} s after a kill nothing was sent")


def moments(entries: Sequence[Entry]) -> list[float]:
    """Return when mails came, in order."""
    return sorted(entry.at for entry in entries)


def most_in_a_window(at: Sequence[float]) -> int:
    """Return the most mails in any two seconds."""
    most = first = 0
    for last, moment in enumerate(at):
        while at[first] <= moment - WINDOW:
            first += 1
        most = max(most, last - first + 1)
    return most


def used(at: Sequence[float], begin: float, end: float) -> float:
    """Return the part of the rate that was used in this time."""
    return sum(begin <= moment < end for moment in at) / (RATE * (end - begin))
