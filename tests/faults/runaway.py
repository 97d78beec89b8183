"""A runaway team beside a small one: 100,000 emails wait, each takes nine seconds, and the other's codes are quick."""

import http.client
import itertools
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.faults import customers, processes
from tests.faults.customers import Exchange, Order
from tests.faults.deaths import ill
from tests.faults.trial import Scene

GREEDY, SMALL = "greedy@example.org", "small@example.org"
BATCH = 1000
_EVERY = 0.25  # seconds between two codes, and two questions for health
_AT_ONCE = 50  # clients of the runaway team that send and wait
_KNOWN = 2.0  # seconds until every process knows that a key is revoked
_CODE, _HEALTH, _READY = 1.0, 0.1, 1.0  # seconds, at most for 99 of 100
_LEFT = "SELECT count(*) FROM delivery_email WHERE from_address = '{}' AND due_at IS NOT NULL"


class Client:
    """A team with its key."""

    def __init__(self, scene: Scene, address: str) -> None:
        self._scene, self._address, self._numbers = scene, address, itertools.count()
        name = address.partition("@")[0]
        scopes = ("--scope", "send", "--scope", "priority.high")
        self.token = scene.gomail.command("create_api_key", name, *scopes).split()[-1]
        self.orders: list[Order] = []

    def send(
        self, connection: http.client.HTTPConnection, kind: str, number: int = 1, **fields: Any
    ) -> Order:
        """Send an email, or a batch of so many, once."""
        letters = tuple(self._letter(**fields) for _ in range(number))
        order = Order(key="", kind=kind, policy="resend", letters=letters)
        self.orders.append(order)
        asked = {"Authorization": f"Bearer {self.token}"}
        order.exchanges.append(customers.exchange(order, connection, asked))
        return order

    def _letter(self, **fields: Any) -> Mapping[str, Any]:
        name = f"{self._address.partition('@')[0]} {next(self._numbers)}"
        to = [f"{name.replace(' ', '.')}@example.net"]
        return {"from_address": self._address, "to_addresses": to, "subject": name, "body": name, **fields}


def runaway(scene: Scene) -> None:
    """One team fills the queue and asks for all threads; another one sends codes, and somebody asks for health."""
    greedy, small = Client(scene, GREEDY), Client(scene, SMALL)
    with ill(scene, "nine-for-greedy"):
        _fill(scene, greedy)
        scene.figures["waiting"] = f"{scene.ask(_LEFT.format(GREEDY)):,}"
        with _asking(scene, "/health/live") as live, _asking(scene, "/health/ready") as ready:
            with _rushing(scene, greedy):
                time.sleep(3.0)  # until everything is taken that can be
                _codes(scene, small)
            waiting = scene.ask(_LEFT.format(GREEDY))
            _revoke(scene, greedy)
    _withdraw(greedy)
    scene.customers.orders += [*greedy.orders, *small.orders]
    scene.drain()
    scene.expect(waiting >= scene.trial.letters / 2, f"only {waiting} waited at the end")
    _judge(scene, "live", live, _HEALTH)
    _judge(scene, "ready", ready, _READY)
    _judge_codes(scene, small)
    _judge_greedy(scene, greedy)


def _fill(scene: Scene, greedy: Client) -> None:
    """Leave so many emails for the worker, in batches."""
    connection = scene.customers.connect()
    while sum(len(order.letters) for order in greedy.orders) < scene.trial.letters:
        order = greedy.send(connection, "batch", BATCH)
        scene.expect(bool(order.taken), f"a batch was answered {order.exchanges[-1].status}")
    connection.close()


@contextmanager
def _rushing(scene: Scene, greedy: Client) -> Iterator[None]:
    """Let the runaway team send and wait, with all its clients, meanwhile."""
    over = threading.Event()

    def rush() -> None:
        connection = scene.customers.connect()
        while not over.is_set() and not processes.is_ending():
            if greedy.send(connection, "sync").exchanges[0].status == 503:
                over.wait(1.0)  # it is told to wait for five
        connection.close()

    threads = [threading.Thread(target=rush) for _ in range(_AT_ONCE)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


@contextmanager
def _asking(scene: Scene, path: str) -> Iterator[list[float]]:
    """Ask for the health again and again meanwhile; give how long each answer took."""
    over, took = threading.Event(), []

    def ask_on() -> None:
        connection = scene.customers.connect()
        while not over.wait(_EVERY):
            begun = time.monotonic()
            connection.request("GET", path)
            connection.getresponse().read()
            took.append(time.monotonic() - begun)
        connection.close()

    thread = threading.Thread(target=ask_on)
    thread.start()
    try:
        yield took
    finally:
        over.set()
        thread.join()


def _codes(scene: Scene, small: Client) -> None:
    """Send sign-in codes for a while: one waits for its answer, one is left to the worker, of either priority."""
    ways = itertools.cycle([("sync", "normal"), ("async", "high"), ("sync", "high"), ("async", "normal")])
    end, connection = time.monotonic() + scene.trial.seconds, scene.customers.connect()
    while time.monotonic() < end:
        processes.go_on()
        kind, priority = next(ways)
        small.send(connection, kind, priority=priority)
        time.sleep(_EVERY)
    connection.close()


def _revoke(scene: Scene, greedy: Client) -> None:
    """Revoke the key with all that waits; nothing of it is begun from then on."""
    key, begun = greedy.token.split("_")[2], time.monotonic()
    scene.gomail.command("revoke_api_key", key, "--waiting", "cancel")
    scene.figures["revoked in"] = f"{time.monotonic() - begun:.1f} s"
    at = time.time() + _KNOWN
    took = processes.eventually(lambda: not scene.ask(_LEFT.format(GREEDY)), seconds=300, pause=0.5)
    scene.figures["all cancelled after"] = f"{took:.1f} s"
    time.sleep(_KNOWN)
    late = [one for one in scene.vendors.ledger() if one.at > at and one.mode == "nine"]
    scene.expect(not late, f"{len(late)} were begun after the key was revoked with all that waits")


def _withdraw(greedy: Client) -> None:
    """Note of each order that its sender wished what waits of it to be cancelled."""
    wish = Exchange(status=200, started=time.time(), ended=time.time())
    for order in greedy.orders:
        order.withdrawals.append(wish)


def _judge_codes(scene: Scene, small: Client) -> None:
    """Expect each code at its provider within a second after it was sent."""
    arrived = {entry.mail.subject: entry.at for entry in reversed(scene.vendors.ledger())}
    for kind in ("sync", "async"):
        sent = [order for order in small.orders if order.kind == kind]
        gone = [order.subjects[0] for order in sent if order.subjects[0] not in arrived]
        scene.expect(not gone, f"{len(gone)} codes reached nobody")
        took = [arrived[o.subjects[0]] - o.exchanges[0].started for o in sent if o.subjects[0] in arrived]
        _judge(scene, f"codes, {kind}", took, _CODE)
    refused = sorted({o.exchanges[0].status for o in small.orders} - {200, 202})
    scene.expect(not refused, f"the small team was answered {refused}")


def _judge_greedy(scene: Scene, greedy: Client) -> None:
    """Expect that what was over the runaway team's share was taken all the same."""
    answers = [order.exchanges[0] for order in greedy.orders if order.kind == "sync"]
    late = sum(one.status == 202 and one.said == ("queued",) for one in answers)
    scene.figures |= {"its sends": str(len(answers)), "of them left to the worker": str(late)}
    scene.expect(late > 0, "nothing was over the share of the runaway team")
    others = sorted({one.status for one in answers} - {200, 202, 503})  # 503: it has filled the queue
    scene.expect(not others, f"the runaway team was answered {others}")


def _judge(scene: Scene, what: str, took: list[float], most: float) -> None:
    if not took:
        scene.expect(False, f"{what}: nothing was measured")
        return
    ordered = sorted(took)
    late = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
    scene.figures[what] = f"p50 {_ms(ordered[len(ordered) // 2])}, p99 {_ms(late)} of {len(ordered)}"
    scene.expect(late <= most, f"{what}: p99 was {_ms(late)}")


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
