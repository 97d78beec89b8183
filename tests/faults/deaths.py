"""How processes end, and how each way of ending is played."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from tests.faults import customers, processes
from tests.faults.customers import Order
from tests.faults.nemesis import lives
from tests.faults.trial import Scene

LEASE, SETTLED = 60.0, 15.0  # seconds: an orphan is recovered within both together
LONGEST_EXIT = 35.0  # seconds from SIGTERM
_RACERS = 50
_HELD = "SELECT count(*) FROM delivery_email WHERE status = 'sending' AND epoch = 1"


@contextmanager
def ill(scene: Scene, mode: str) -> Iterator[None]:
    """Let both vendors be like that meanwhile."""
    for vendor in ("ses", "sendgrid"):
        scene.vendors.turn(vendor, mode)
    yield
    for vendor in ("ses", "sendgrid"):
        scene.vendors.turn(vendor, "ok")


def orders(scene: Scene) -> None:
    """Customers order until there is enough; processes end at the failpoints that are armed."""
    end = time.monotonic() + scene.trial.seconds
    with ill(scene, scene.trial.vendors), scene.customers.ordering(scene.trial.rate):
        while not scene.has_enough() and time.monotonic() < end:
            processes.go_on()
            time.sleep(0.5)


def storm(scene: Scene) -> None:
    """The same with hostile vendors, and with kills at any moment."""
    with ill(scene, "hostile"), scene.customers.ordering(scene.trial.rate):
        _rage(scene, scene.has_enough)


def broker_storm(scene: Scene) -> None:
    """The same, and the broker is killed once in the middle."""
    broker, half = scene.place.broker, scene.trial.kills // 2
    assert broker
    with ill(scene, "hostile"), scene.customers.ordering(scene.trial.rate):
        _rage(scene, lambda: scene.nemesis.kills >= half)
        broker.kill()
        away = time.monotonic()
        coming_back = threading.Thread(target=broker.start)
        coming_back.start()
        _rage(scene, lambda: not coming_back.is_alive())
        scene.figures["broker away"] = f"{time.monotonic() - away:.0f} s"
        _rage(scene, scene.has_enough)
        coming_back.join()


def _rage(scene: Scene, enough: Callable[[], bool]) -> None:
    scene.nemesis.rage(enough, due=scene.is_due_for_a_kill, seconds=scene.trial.seconds)


def rolling(scene: Scene) -> None:
    """All processes are told to end and are replaced, again and again, while vendors take their time."""
    slowest = 0.0
    with ill(scene, "brisk"), scene.customers.ordering(scene.trial.rate):
        _await_workers(scene)
        while not scene.has_enough():
            slowest = max(slowest, _rolled(scene))
    log = scene.gomail.log()
    exits = [line.split()[-1] for line in log.split("\n") if line.startswith("worker ")]
    scene.expect(set(exits) <= {"0"}, f"workers ended with {sorted(set(exits))}")
    scene.expect(slowest <= LONGEST_EXIT, f"the slowest process took {slowest:.0f} s to end")
    scene.expect("was sent SIG" not in log and "exited with code" not in log, "a web process ended badly")
    scene.figures |= {"workers ended": str(len(exits)), "slowest exit": f"{slowest:.1f} s"}


def _rolled(scene: Scene) -> float:
    """Replace all web processes and all workers; return how long the slowest took to end."""
    web, workers = scene.nemesis.working("web"), scene.nemesis.working("worker")
    os.kill(scene.gomail.parents["web"].pid, signal.SIGHUP)
    for process in workers:
        process.terminate()
    took = processes.eventually(lambda: not any(map(lives, web + workers)), seconds=LONGEST_EXIT + 30)
    _await_workers(scene)
    time.sleep(1)
    return took


def _await_workers(scene: Scene) -> None:
    processes.eventually(lambda: len(scene.gomail.joined()) == scene.trial.workers, seconds=60)


def poison(scene: Scene) -> None:
    """Two emails end every process that has them, among others that do not."""
    for subject in ("arsenic", "belladonna"):
        place(scene, "async", subject)
    orders(scene)
    scene.drain()
    quarantined, innocent = scene.ask(_QUARANTINED), scene.ask(_INNOCENT)
    scene.figures["quarantined"] = str(quarantined)
    scene.expect(not innocent, f"{innocent} innocent emails were not sent")
    scene.expect(scene.kills <= 2 * 3, f"{scene.kills} processes ended for two emails")


_QUARANTINED = "SELECT count(*) FROM delivery_email WHERE status = 'quarantined'"
_INNOCENT = (
    "SELECT count(*) FROM delivery_email"
    " WHERE subject LIKE 'Your order%' AND status NOT IN ('sent', 'cancelled')"
)


def place(scene: Scene, kind: str, subject: str) -> Order:
    before, scene.customers.subject = scene.customers.subject, subject
    order = scene.customers.order(kind)
    scene.customers.subject = before
    scene.customers.place(order, scene.customers.connect())
    return order


def race(scene: Scene) -> None:
    """Fifty send one request under one key at the same moment, and then one sends another under that key."""
    seen = []
    for kind in ("sync", "async", "file", "batch", "later", "sync"):
        order = scene.customers.order(kind)
        _run(order, scene)
        seen += order.exchanges
        other = replace(order, letters=_others(order), exchanges=[])
        answer = customers.exchange(other, scene.customers.connect())
        refused = answer.code == "idempotency_key_reused" or kind == "batch"  # there each email is refused
        scene.expect(refused and not any(answer.ids), f"another payload was answered {answer.status}")
    statuses = sorted({answer.status for answer in seen})
    scene.expect(set(statuses) <= {200, 202, 409}, f"racers were answered {statuses}")
    scene.figures["answers"] = ", ".join(f"{s}: {sum(a.status == s for a in seen)}" for s in statuses)


def _run(order: Order, scene: Scene) -> None:
    gate = threading.Barrier(_RACERS)

    def one() -> None:
        connection = scene.customers.connect()
        connection.connect()
        gate.wait()
        order.exchanges.append(customers.exchange(order, connection))
        connection.close()

    racers = [threading.Thread(target=one) for _ in range(_RACERS)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    if not order.taken:  # nobody waited for the first
        scene.customers.place(order, scene.customers.connect())


def _others(order: Order) -> Sequence[dict[str, object]]:
    return tuple({**letter, "subject": "Something else"} for letter in order.letters)


def orphans(scene: Scene) -> None:
    """Workers die with emails at a silent vendor; others say what is known of them."""
    _die_with_emails(scene)
    _expect_recovery(scene)


def lost_journal(scene: Scene) -> None:
    """The same on a machine that has lost the journal: nobody knows of the deaths but by the leases."""
    _die_with_emails(scene, without_journal=True)
    _expect_recovery(scene)


def _die_with_emails(scene: Scene, *, without_journal: bool = False) -> None:
    with ill(scene, "silent"):
        for _ in range(scene.trial.letters):
            place(scene, "async", scene.customers.subject)
        processes.eventually(lambda: len(scene.vendors.ledger()) == scene.trial.letters, seconds=60)
        if without_journal:
            for file in (scene.place.data / "journal").glob("*.journal"):
                file.unlink()
        for process in scene.nemesis.working("worker"):
            scene.nemesis.kill(process, "worker")


def _expect_recovery(scene: Scene) -> None:
    took = processes.eventually(lambda: not scene.ask(_HELD), seconds=2 * LEASE, pause=0.25)
    scene.figures["recovered"] = f"{took:.1f} s"
    scene.expect(took <= LEASE + SETTLED, f"orphans were recovered after {took:.0f} s")
