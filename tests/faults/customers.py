"""Good customers: each order has a key of its own, and is repeated with it until GoMail has answered.

What they log joins with the vendors' ledger and GoMail's record: a letter's subject is unique, an order's key, too.
Some regret what they have ordered for later, and cancel it.
"""

import http.client
import itertools
import json
import random
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.faults import letters, processes
from tests.faults.clients import Answer

API = "/api/v1/email-service/"
_ANSWER_SECONDS = 60.0
_PATIENCE = 240.0  # seconds in which an order is repeated
_PAUSES = (0.2, 1.0)  # seconds before it is; GoMail asks for five, but these are in a hurry
_AGAIN = {0, 408, 409, 429, 500, 502, 503}
_NO_ANSWER = {0, 500, 502, 503}
_KINDS = {"sync": 42, "async": 25, "file": 5, "later": 8, "batch": 15, "regretted": 5}
_TRIES = 5  # how often a customer asks to cancel
_BATCH = 3
_KEYLESS = 0.1  # of the orders have no key, and are not repeated


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request of an order, and the answer."""

    status: int  # of HTTP; 0: none came
    code: str = ""  # of a refusal
    ids: tuple[str, ...] = ()  # of the emails, in the order of the letters
    said: tuple[str, ...] = ()  # their statuses
    started: float  # seconds since the epoch
    ended: float


@dataclass(frozen=True, kw_only=True)
class Order:
    """What one customer wants, and all that was said about it."""

    key: str  # empty: without
    kind: str
    policy: str  # on_ambiguous
    letters: tuple[Mapping[str, Any], ...]
    exchanges: list[Exchange] = field(default_factory=list)
    withdrawals: list[Exchange] = field(default_factory=list)  # requests to cancel it

    @property
    def subjects(self) -> list[str]:
        return [letter["subject"] for letter in self.letters]

    @property
    def taken(self) -> list[Exchange]:
        """The answers by which GoMail has promised to deliver."""
        return [exchange for exchange in self.exchanges if 200 <= exchange.status < 300]

    @property
    def answers(self) -> list[Answer]:
        """The same as answers about single emails."""
        return [
            Answer(status=e.status, id=pk, said=said, policy=self.policy, started=e.started, ended=e.ended)
            for e in self.taken
            for pk, said in zip(e.ids, e.said, strict=True)
        ]

    def request(self) -> tuple[str, bytes, dict[str, str]]:
        """Return path, body and headers, the same every time."""
        headers = {"Content-Type": "application/json"}
        headers |= {"Idempotency-Key": self.key} if self.key else {}
        headers |= {"Prefer": "respond-async"} if self.kind == "async" else {}
        if self.kind == "batch":
            return API + "batches/", json.dumps({"emails": self.letters}).encode(), headers
        return API + "send-email/", json.dumps(self.letters[0]).encode(), headers


class Customers:
    """A number of customers that take turns in ordering."""

    def __init__(self, port: int, number: int, dice: random.Random) -> None:
        self.ports = [port]  # of the web servers among which they are shared out
        self._number, self._dice = number, dice
        self._counter, self._doors = itertools.count(), itertools.count()
        self._lock = threading.Lock()
        self.kinds: Mapping[str, int] = _KINDS
        self.policies: tuple[str, ...] = ("resend", "resend", "stop")
        self.subject = "Your order"
        self.headers: Mapping[str, str] = {}  # of every request, such as an API key
        self.keyless = _KEYLESS
        self.orders: list[Order] = []

    @property
    def letters(self) -> int:
        """How many letters have been ordered so far."""
        return sum(len(order.letters) for order in list(self.orders))

    @contextmanager
    def ordering(self, rate: float) -> Iterator[None]:
        """Let them order so many times a second, all together, meanwhile; at the end wait for their last answers."""
        stop, started = threading.Event(), time.monotonic()
        turns = itertools.count()

        def order_on(connection: http.client.HTTPConnection) -> None:
            while not stop.is_set() and not processes.is_ending():
                with self._lock:
                    turn = next(turns)
                stop.wait(started + turn / rate - time.monotonic())
                if not stop.is_set():
                    self._serve(self.order(), connection)
            connection.close()

        threads = [threading.Thread(target=order_on, args=(self.connect(),)) for _ in range(self._number)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def connect(self) -> http.client.HTTPConnection:
        port = self.ports[next(self._doors) % len(self.ports)]
        return http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)

    def order(self, kind: str = "") -> Order:
        """Make up an order."""
        with self._lock:
            number = next(self._counter)
            kind = kind or self._dice.choices(list(self.kinds), list(self.kinds.values()))[0]
            policy = self._dice.choice(self.policies)
            letters = [self._letter(number, place, kind, policy) for place in range(_count(kind))]
            key = "" if self._dice.random() < self.keyless else f"order-{number}"
            order = Order(key=key, kind=kind, policy=policy, letters=tuple(letters))
            self.orders.append(order)
        return order

    def _serve(self, order: Order, connection: http.client.HTTPConnection) -> None:
        self.place(order, connection)
        if order.kind == "regretted" and order.taken:
            time.sleep(self._dice.uniform(0, letters.LATER[1]))
            self.regret(order, connection)

    def place(self, order: Order, connection: http.client.HTTPConnection) -> None:
        """Ask until there is an answer that settles it."""
        end = time.monotonic() + _PATIENCE
        while True:
            order.exchanges.append(exchange(order, connection, self.headers))
            again = order.exchanges[-1].status in _AGAIN and order.key
            if not again or time.monotonic() > end or processes.is_ending():
                return
            time.sleep(self._dice.uniform(*_PAUSES))

    def regret(self, order: Order, connection: http.client.HTTPConnection) -> None:
        """Ask to cancel what was ordered, until there is an answer."""
        for pk in order.taken[0].ids:
            for _ in range(_TRIES):
                asked = _ask(connection, f"{API}emails/{pk}/cancel/", b"", self.headers)
                order.withdrawals.append(asked)
                if asked.status not in _NO_ANSWER or processes.is_ending():
                    break
                time.sleep(self._dice.uniform(*_PAUSES))

    def _letter(self, number: int, place: int, kind: str, policy: str) -> dict[str, Any]:
        name = f"{number}.{place}"
        subject = f"{self.subject} {name} is on its way"
        return letters.written(self._dice, name, subject, kind, policy)


def exchange(
    order: Order, connection: http.client.HTTPConnection, headers: Mapping[str, str] = {}
) -> Exchange:
    """Send the order's request once, perhaps with further headers, and return what came back."""
    path, body, own = order.request()
    return _ask(connection, path, body, own | headers)


def _ask(
    connection: http.client.HTTPConnection, path: str, body: bytes, headers: Mapping[str, str]
) -> Exchange:
    started, status, words = time.time(), 0, {}
    try:
        connection.request("POST", path, body, dict(headers))
        answer = connection.getresponse()
        status, words = answer.status, json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError):
        status = 0
        connection.close()
    rows = words.get("results", [words])
    return Exchange(
        status=status,
        code=words.get("code", ""),
        ids=tuple(row.get("id", "") for row in rows),
        said=tuple(row.get("status", "") for row in rows),
        started=started,
        ended=time.time(),
    )


def _count(kind: str) -> int:
    return _BATCH if kind == "batch" else 1
