"""Good customers: each order has a key of its own, and is repeated with it until GoMail has answered.

What they log joins with the vendors' ledger and GoMail's record: a letter's subject is unique, an order's key, too.
"""

import base64
import http.client
import itertools
import json
import random
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.faults import processes
from tests.faults.clients import Answer

API = "/api/v1/email-service/"
_ANSWER_SECONDS = 60.0
_PATIENCE = 240.0  # seconds in which an order is repeated
_PAUSES = (0.2, 1.0)  # seconds before it is; GoMail asks for five, but these are in a hurry
_AGAIN = {0, 409, 429, 500, 502, 503}
_KINDS = {"sync": 45, "async": 25, "file": 5, "later": 10, "batch": 15}
_BATCH = 3
_KEYLESS = 0.1  # of the orders have no key, and are not repeated
_TEXT = "Hello, this is a line of an ordinary letter to somebody.\n" * 15


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
        self._port, self._number, self._dice = port, number, dice
        self._counter = itertools.count()
        self._lock = threading.Lock()
        self.kinds: Mapping[str, int] = _KINDS
        self.policies: tuple[str, ...] = ("resend", "resend", "stop")
        self.subject = "Your order"
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
                    self.place(self.order(), connection)
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
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=_ANSWER_SECONDS)

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

    def place(self, order: Order, connection: http.client.HTTPConnection) -> None:
        """Ask until there is an answer that settles it."""
        end = time.monotonic() + _PATIENCE
        while True:
            order.exchanges.append(exchange(order, connection))
            again = order.exchanges[-1].status in _AGAIN and order.key
            if not again or time.monotonic() > end or processes.is_ending():
                return
            time.sleep(self._dice.uniform(*_PAUSES))

    def _letter(self, number: int, place: int, kind: str, policy: str) -> dict[str, Any]:
        people = [f"person{number}.{place}.{one}@example.org" for one in range(self._dice.choice((1, 1, 2)))]
        letter: dict[str, Any] = {
            "from_address": "faults@example.org",
            "to_addresses": people,
            "subject": f"{self.subject} {number}.{place} is on its way",
            "body": _TEXT,
            "on_ambiguous": policy,
            "priority": self._dice.choice(("normal", "normal", "high")),
        }
        if kind == "later":
            moment = datetime.now(UTC) + timedelta(seconds=self._dice.uniform(1, 3))
            letter["send_at"] = moment.isoformat()
        if kind == "file":
            content = base64.b64encode(self._dice.randbytes(40_000)).decode()
            letter["attachments"] = [{"filename": "order.bin", "content": content}]
        return letter


def exchange(order: Order, connection: http.client.HTTPConnection) -> Exchange:
    """Send the order's request once, and return what came back."""
    path, body, headers = order.request()
    started, status, words = time.time(), 0, {}
    try:
        connection.request("POST", path, body, headers)
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
