"""Measures what others notice of an attack: a health check and a team's log, asked all the time while it lasts.

    python -m benchmarks.storm                      every storm, some two minutes
    python -m benchmarks.storm --only logins        one of them
    python -m benchmarks.storm --seconds 60         longer

The goals: /health/live within 100 ms and `GET emails/` within one second, in 99 of 100 cases, during every storm.
The attackers are processes of their own, and get the processors last: in earnest they have their own.
"""

import argparse
import http.client
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import quantiles

from benchmarks import servers
from benchmarks.servers import GOMAIL, ROOT, Server, Stub

SLOW, WRONG, BUSY = 1100, 100, 64  # connections, logins at the same time, requests that wait for a provider
LIVE_GOAL, LOG_GOAL = 100.0, 1000.0  # milliseconds
_BYTE_EVERY = 7.0  # seconds
_V1 = "/api/v1/email-service"
_HEAD = f"POST {_V1}/send-email/ HTTP/1.1\r\nHost: 127.0.0.1\r\n"
_BEGUN = {  # what a slow client sends at once; then comes a byte now and then
    "silent": b"",
    "heads": f"{_HEAD}X-Slow: ".encode(),
    "bodies": f"{_HEAD}Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n{{".encode(),
}
_SECRET = "a" * 32
_FORM = f"csrfmiddlewaretoken={_SECRET}&login=root&password=wrong"


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="gomail-storm-") as folder, servers.stub() as vendor:
        for number, name in enumerate(options.only):
            with servers.server(GOMAIL, options.database_url, vendor, Path(folder) / str(number)) as server:
                print(_line(name, *_measured(name, server, vendor, options.seconds)), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=STORMS, default=list(STORMS))
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--database-url", default="sqlite")
    return parser.parse_args()


def _measured(name: str, server: Server, vendor: Stub, seconds: float) -> tuple[list[float], list[float]]:
    with _attacked(name, server, vendor):
        time.sleep(2.0)  # until it blows
        live, log = Watch("/health/live", server), Watch(f"{_V1}/emails/", server)
        until = time.monotonic() + seconds
        for watch in (live, log):
            watch.start(until)
        for watch in (live, log):
            watch.join()
        return live.found, log.found


@contextmanager
def _attacked(name: str, server: Server, vendor: Stub) -> Iterator[None]:
    attackers = [_attacker(kind, server, number) for kind, number in STORMS[name]]
    vendor.delay(20_000)
    try:
        yield
    finally:
        for attacker in attackers:
            attacker.kill()
            attacker.wait()
        vendor.delay(0)


def _attacker(kind: str, server: Server, number: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "benchmarks.storm", "--attack", kind, str(server.port), str(number)]
    return subprocess.Popen([*command, server.token], cwd=ROOT)


class Watch(threading.Thread):
    """Asks for one path, on a new connection each time, and writes down how long the answer took."""

    def __init__(self, path: str, server: Server) -> None:
        super().__init__()
        self.found: list[float] = []  # milliseconds
        self._path, self._server = path, server

    def start(self, until: float = 0.0) -> None:
        self._until = until
        super().start()

    def run(self) -> None:
        while time.monotonic() < self._until:
            begun = time.monotonic()
            ok = self._ask()
            self.found.append((time.monotonic() - begun) * 1000 if ok else float("inf"))
            time.sleep(0.05)

    def _ask(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=30)
        try:
            connection.request("GET", self._path, headers={"Authorization": f"Bearer {self._server.token}"})
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def _line(name: str, live: list[float], log: list[float]) -> str:
    met = _p99(live) <= LIVE_GOAL and _p99(log) <= LOG_GOAL
    told = [
        f"{what} p50 {sorted(found)[len(found) // 2]:.1f} p99 {_p99(found):.1f} most {max(found):.1f} ms ({len(found)})"
        for what, found in (("live", live), ("log", log))
    ]
    return f"{name:10} {told[0]}, {told[1]}: {'met' if met else 'NOT met'}"


def _p99(found: list[float]) -> float:
    return quantiles(found, n=100)[98] if len(found) > 1 else float("inf")


def _attack(kind: str, port: int, number: int, token: str) -> None:
    os.nice(15)
    one: Callable[[int, str], None] = {"logins": _log_in, "busy": _send}.get(kind, _slowly(kind))
    threads = [threading.Thread(target=_again, args=(one, port, token), daemon=True) for _ in range(number)]
    for thread in threads:
        thread.start()
    time.sleep(3600)  # until it is killed


def _again(one: Callable[[int, str], None], port: int, token: str) -> None:
    while True:
        with suppress(OSError, http.client.HTTPException):
            one(port, token)


def _slowly(kind: str) -> Callable[[int, str], None]:
    def send(port: int, token: str) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=_BYTE_EVERY) as connection:
            connection.sendall(_BEGUN[kind])
            while True:
                try:
                    connection.recv(4096)
                except TimeoutError:
                    connection.sendall(b"x")
                else:
                    time.sleep(0.5)  # it was cut; a new one soon
                    return

    return send


def _log_in(port: int, token: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"csrftoken={_SECRET}"}
    try:
        connection.request("POST", "/accounts/login/", _FORM, headers)
        connection.getresponse().read()
    finally:
        connection.close()


def _send(port: int, token: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = '{"to_addresses": "ann@example.org", "from_address": "me@example.org"}'
    try:
        connection.request("POST", f"{_V1}/send-email/", body, headers)
        connection.getresponse().read()
    finally:
        connection.close()


STORMS = {
    "calm": [],
    "silent": [("silent", SLOW)],
    "heads": [("heads", SLOW)],
    "bodies": [("bodies", SLOW)],
    "logins": [("logins", WRONG)],
    "busy": [("busy", BUSY)],
    "all": [("heads", SLOW // 2), ("bodies", SLOW // 2), ("logins", WRONG)],
}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--attack"]:
        _attack(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
    else:
        main()
