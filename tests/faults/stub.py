"""Stands for SES and SendGrid, each on a port of its own, well or ill as told; a process of its own, cheap in CPU.

    python -m tests.faults.stub [SEED]      prints {"ses": port, "sendgrid": port, "control": port}

Nine seconds is just what a circuit takes for well; `nine-for-greedy` is so to one team's sender, and quick to all.

Control: GET /mode/ses/silent changes a vendor, GET /ledger tells every call so far. GET /quota/ses/14/50000 gives it a
rate and a day; it throttles what is more than the rate over two seconds, and one mail.
The ledger keeps the body of every call, for tests.faults.mails to read.
A mail that came in whole and was not turned away counts as accepted, whether or not an answer follows.
A `hostile` vendor throws the dice for each mail; it writes its ledger before it does what they say.
"""

import asyncio
import base64
import json
import random
import re
import socket
import sys
import time
from collections.abc import Mapping
from itertools import takewhile
from typing import Any

SLOW = 20.0  # seconds, more than a circuit takes for well and less than a client waits
MAIL = {"ses": "/v2/email/outbound-emails", "sendgrid": "/v3/mail/send"}
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
Answer = tuple[int, Any, Mapping[str, str]]

OK: Mapping[str, Answer] = {
    "ses": (200, {"MessageId": "stub"}, {}),
    "sendgrid": (202, "", {"X-Message-Id": "stub"}),
}
ILL: dict[tuple[str, str], Answer] = {
    ("ses", "unavailable"): (
        503,
        {"message": "The service is unavailable."},
        {"x-amzn-ErrorType": "ServiceUnavailableException"},
    ),
    ("ses", "throttled"): (
        429,
        {"message": "Maximum sending rate exceeded."},
        {"x-amzn-ErrorType": "TooManyRequestsException"},
    ),
    ("ses", "bad_key"): (
        403,
        {"message": "The security token included in the request is invalid."},
        {"x-amzn-ErrorType": "UnrecognizedClientException"},
    ),
    ("ses", "refusing"): (
        400,
        {"message": "The mail looks like spam."},
        {"x-amzn-ErrorType": "MessageRejected"},
    ),
    ("sendgrid", "unavailable"): (503, {"errors": [{"message": "unavailable"}]}, {}),
    ("sendgrid", "throttled"): (429, {"errors": [{"message": "too many requests"}]}, {}),
    ("sendgrid", "bad_key"): (401, {"errors": [{"message": "authorization required", "field": None}]}, {}),
    ("sendgrid", "refusing"): (
        400,
        {"errors": [{"message": "No valid address.", "field": "personalizations.0.to.0.email"}]},
        {},
    ),
}
ILL |= {(name, "late_refusal"): ILL[name, "refusing"] for name in MAIL}
ACCEPTING = {"ok", "nine", "slow", "slowish", "brisk", "closing", "silent", "page", "dropped", "stalled"}
WAITS = {"nine": 9.0, "slow": SLOW, "slowish": 4.0, "brisk": 0.3, "late_refusal": 8.0}
_WINDOW = 2.0  # seconds over which a rate is measured
ACCOUNT = "/v2/email/account"
STALL = 4.0  # seconds until a connection that is not answered is cut; a vendor that never does costs half a minute
# What a hostile vendor does, and how often in 1,000: a proxy's 500 for an accepted mail, a connection that is lost
# before the mail is taken and after it, one that stays silent first.
FATES = {"ok": 800, "unavailable": 70, "page": 40, "cut": 40, "dropped": 40, "stalled": 10}
PAGE: Answer = (500, "<html>Internal Server Error</html>", {"Content-Type": "text/html"})

# What a well vendor says of itself when it is asked whether it would carry mail, by the beginning of the path.
_SENDING = {"Max24HourSend": 1e6, "MaxSendRate": 1e3, "SentLast24Hours": 0}
ASKED: Mapping[str, Any] = {
    ACCOUNT: {
        "SendingEnabled": True,
        "ProductionAccessEnabled": True,
        "EnforcementStatus": "HEALTHY",
        "SendQuota": _SENDING,
    },
    "/v2/email/identities/": {"VerifiedForSendingStatus": True, "VerificationStatus": "SUCCESS"},
    "/v3/scopes": {"scopes": ["mail.send", "sender_verification_exempt"]},
    "/v3/user/credits": {"remain": 1_000_000, "total": 1_000_000, "reset_frequency": "monthly"},
    "/v3/whitelabel/domains": [],
    "/v3/verified_senders": {"results": []},
}


class Vendor:
    """One vendor: how it is today, where it listens, and who is connected."""

    def __init__(self, name: str, ledger: list[dict[str, Any]], seed: str) -> None:
        self.name, self.ledger, self.mode = name, ledger, "ok"
        self._dice = random.Random(f"{seed} {name}")
        self.connections: set[asyncio.Transport] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.quota: tuple[float, int] | None = None  # recipients a second, and in 24 hours

    async def change(self, mode: str) -> None:
        self.mode = mode
        if mode == "refused":
            await self._shut()
        elif self._server is None:
            await self._open()

    async def _open(self) -> None:
        listener = _bound(self.port)
        self.port = listener.getsockname()[1]
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Wire(self._ask), sock=listener, backlog=512)

    async def _shut(self) -> None:
        if self._server:
            self._server.close()
        self._server = None
        for connection in list(self.connections):
            connection.abort()

    def _ask(self, wire: "Wire", method: str, path: str, body: bytes) -> None:
        self.connections = {one for one in self.connections if not one.is_closing()} | {wire.transport}
        fate = self._fate(path, body)
        if path == MAIL[self.name]:
            self._enter(body, fate)
        if fate != "silent":
            self._do(fate, wire, path)

    def _fate(self, path: str, body: bytes) -> str:
        if self.quota and path == MAIL[self.name] and len(self._lately()) > _WINDOW * self.quota[0]:
            return "throttled"
        if self.mode == "nine-for-greedy":
            return "nine" if path == MAIL[self.name] and _is_of(b"greedy@example.org", body) else "ok"
        if self.mode != "hostile":
            return self.mode
        if path != MAIL[self.name]:
            return "ok"
        (fate,) = self._dice.choices(list(FATES), list(FATES.values()))
        return fate

    def _do(self, fate: str, wire: "Wire", path: str) -> None:
        later = asyncio.get_running_loop().call_later
        if fate in {"cut", "dropped"}:
            wire.transport.abort()
        elif fate == "stalled":
            later(STALL, wire.transport.abort)
        else:
            answer = PAGE if fate == "page" else ILL.get((self.name, fate)) or self._well(path)
            later(WAITS.get(fate, 0.0), wire.write, answer, fate == "closing")

    def _well(self, path: str) -> Answer:
        if path == MAIL[self.name]:
            return OK[self.name]
        if self.quota and path == ACCOUNT:
            return 200, ASKED[ACCOUNT] | {"SendQuota": self._used(self.quota)}, {}
        return 200, next((said for start, said in ASKED.items() if path.startswith(start)), {}), {}

    def _lately(self) -> list[Any]:
        since = time.time() - _WINDOW
        newest = takewhile(lambda entry: entry["at"] > since, reversed(self.ledger))
        return [entry for entry in newest if entry["vendor"] == self.name]

    def _used(self, quota: tuple[float, int]) -> dict[str, float]:
        sent = sum(entry["accepted"] for entry in self.ledger if entry["vendor"] == self.name)
        return {"MaxSendRate": quota[0], "Max24HourSend": quota[1], "SentLast24Hours": sent}

    def _enter(self, body: bytes, fate: str) -> None:
        entry = {"vendor": self.name, "mode": fate, "at": time.time(), "accepted": fate in ACCEPTING}
        self.ledger.append({**entry, "body": body.decode()})


class Wire(asyncio.Protocol):
    """One connection of HTTP/1.1."""

    def __init__(self, ask: Any) -> None:
        self._ask, self._received = ask, bytearray()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = bytes(self._received).partition(b"\r\n\r\n")
        found = _LENGTH.search(head)
        if end and len(body) >= (int(found[1]) if found else 0):
            self._received.clear()
            method, path, _ = head.split(b" ", 2)
            self._ask(self, method.decode(), path.decode(), body)

    def write(self, answer: Answer, last: bool = False) -> None:
        if self.transport.is_closing():  # who asked has been killed
            return
        status, words, headers = answer
        body = (words if isinstance(words, str) else json.dumps(words)).encode()
        fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
        fields |= {"Connection": "close"} if last else {}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.transport.write(f"HTTP/1.1 {status} Stub\r\n{head}\r\n".encode() + body)
        if last:
            self.transport.close()


def _is_of(sender: bytes, body: bytes) -> bool:
    """Tell whether a mail is from this address: SES gets it as MIME in Base64, SendGrid as JSON."""
    raw = json.loads(body).get("Content", {}).get("Raw", {}).get("Data", "")
    return sender in (base64.b64decode(raw) if raw else body)


def _bound(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


class Control:
    """What the harness asks for."""

    def __init__(self, vendors: Mapping[str, Vendor], ledger: list[dict[str, Any]]) -> None:
        self._vendors, self._ledger = vendors, ledger
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, wire: Wire, method: str, path: str, body: bytes) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(wire, path.split("/")[1:]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, wire: Wire, words: list[str]) -> None:
        if words[0] == "mode":
            await self._vendors[words[1]].change(words[2])
        if words[0] == "quota":
            self._vendors[words[1]].quota = (float(words[2]), int(words[3]))
        wire.write((200, self._ledger if words[0] == "ledger" else {}, {}))


async def main(seed: str) -> None:
    ledger: list[dict[str, Any]] = []
    vendors = {name: Vendor(name, ledger, seed) for name in MAIL}
    for vendor in vendors.values():
        await vendor.change("ok")
    control = Control(vendors, ledger)
    server = await asyncio.get_running_loop().create_server(lambda: Wire(control.ask), "127.0.0.1", 0)
    ports = {name: vendor.port for name, vendor in vendors.items()}
    print(json.dumps(ports | {"control": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main("".join(sys.argv[1:])))
