"""Clients over HTTP, and the log of what they were answered."""

import http.client
import itertools
import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.faults import letters, mails, processes
from tests.faults.mails import Mail

_PATH = "/api/v1/email-service/send-email/"
_PATIENCE = 90.0  # seconds; a request takes 53 s at most, and its turn in a thread before


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one client got for one email."""

    status: int  # of HTTP; 0: no answer came
    id: str = ""
    said: str = ""  # the email's status
    policy: str  # on_ambiguous
    started: float  # seconds since the epoch
    ended: float

    @property
    def acknowledged(self) -> bool:
        return 200 <= self.status < 300


class Crowd:
    """Clients that send at once, each over a kept connection."""

    def __init__(self, port: int, clients: int, policies: Sequence[str], dice: random.Random) -> None:
        self._port, self._clients, self._policies, self._dice = port, clients, policies, dice
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self.log: list[Answer] = []
        self.asked: dict[str, Mail] = {}  # what each letter says, by its subject

    def send(self, number: int, *, seconds: float, rate: float = 0.0) -> list[Answer]:
        """Send so many emails, or what can be begun in these seconds; at most so many per second if told."""
        before = len(self.log)
        work = _Work(number, seconds, rate)
        threads = [threading.Thread(target=self._client, args=(work,)) for _ in range(self._clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.log[before:]

    def _client(self, work: "_Work") -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE)
        for _ in work:
            self.log.append(self._exchange(connection))
        connection.close()

    def _exchange(self, connection: http.client.HTTPConnection) -> Answer:
        policy, body = self._letter()
        started, status, words = time.time(), 0, {}
        try:
            connection.request("POST", _PATH, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            status, words = answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            connection.close()
        told = {"id": words.get("id", ""), "said": words.get("status", "")}
        return Answer(status=status, **told, policy=policy, started=started, ended=time.time())

    def _letter(self) -> tuple[str, bytes]:
        with self._lock:
            number, policy = next(self._numbers), self._dice.choice(self._policies)
            subject = f"Your order {number} is on its way"
            letter = letters.written(self._dice, str(number), subject, "sync", policy)
            self.asked[subject] = mails.of_letter(letter)
        return policy, json.dumps(letter).encode()


class _Work:
    """The emails still to be sent; every client takes the next."""

    def __init__(self, number: int, seconds: float, rate: float) -> None:
        self._left = iter(range(number))
        self._rate, self._started = rate, time.monotonic()
        self._end = self._started + seconds
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[int]:
        while (number := self._take()) is not None:
            yield number

    def _take(self) -> int | None:
        if processes.is_ending():
            return None
        with self._lock:
            number = next(self._left, None) if time.monotonic() < self._end else None
        if number is not None and self._rate:
            time.sleep(max(0.0, self._started + number / self._rate - time.monotonic()))
        return number
