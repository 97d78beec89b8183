"""Real processes that may open 64 files each: what they cannot take they refuse, and no provider is blamed for it."""

import base64
import json
import random
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests import fakes, scarcity
from tests.api.server import Server, serving, whole_answer
from tests.paths import ROOT
from tests.providers.fault_server import answer
from tests.servers import eventually

pytestmark = pytest.mark.processes
FILES = 64
SLOW = answer(200, {"MessageId": "m-1"}, wait=0.3)
NOISE = random.Random(1).randbytes(100_000)
_MOST_LOST = 9  # answers of 180


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with the threads of production and few files, and vendors that take a while."""
    with fakes.ses() as ses, fakes.sendgrid() as sendgrid:
        ses.default = SLOW
        variables = {"API_KEY_REQUIRED": "false", "WEB_THREADS": "32", "GOMAIL_PROVIDERS": "ses,sendgrid"}
        variables |= fakes.variables(ses, sendgrid)
        with serving(tmp_path, files=FILES, **variables) as server:
            yield server


def email(prefer: str, *, number: int = 0) -> bytes:
    """Return a request with a file, each with its own: one that is stored already needs no new one."""
    content = base64.b64encode(b"%d" % number + NOISE).decode()
    letter = {"to_addresses": "ann@example.org", "attachments": [{"filename": "a.bin", "content": content}]}
    body = json.dumps(letter)
    head = f"POST {fakes.V1}send-email/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return (
        f"{head}Prefer: {prefer}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )


def page(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()


def ask(server: Server, request: bytes) -> tuple[int, bool]:
    """Return the status, and whether it says when to come back; 0 if the answer was lost.

    A refusal is sent before the request is read, and what is left unread resets a connection.
    """
    head = b""
    with suppress(ConnectionError), server.connect() as connection:
        connection.sendall(request)
        head = whole_answer(connection).partition(b"\r\n\r\n")[0].lower()
    return int(head.split()[1]) if head else 0, b"\r\nretry-after: " in head


def rows(server: Server, query: str) -> list[Any]:
    with closing(sqlite3.connect(server.environment["DATABASE_URL"].removeprefix("sqlite:///"))) as database:
        return database.execute(query).fetchall()


def crowd(server: Server) -> Counter[tuple[int, bool]]:
    """Ask for all kinds of things, fifty at a time."""
    sync, later = ([email(prefer, number=n) for n in range(60)] for prefer in ("", "respond-async"))
    pages = [
        page(path) for path in (f"{fakes.V1}emails/", "/accounts/login/", "/health/ready") for _ in range(20)
    ]
    requests = [*sync, *later, *pages]
    random.Random(2).shuffle(requests)
    with ThreadPoolExecutor(50) as pool:
        return Counter(pool.map(lambda request: ask(server, request), requests))


def test_a_server_without_a_file_left_says_503_blames_nobody_and_recovers(server: Server) -> None:
    met = crowd(server)

    assert {status for status, _ in met} - {0} == {200, 202, 503}, met
    assert met[0, False] <= _MOST_LOST, met
    assert "Too many open files" in server.log.read_text()  # the crowd was too much for it
    assert rows(server, "select * from delivery_circuit") == []
    assert rows(server, "select * from delivery_attempt where outcome in ('unknown', 'started')") == []
    eventually(lambda: ask(server, email("", number=999))[0] == 200)
    eventually(
        lambda: ask(server, page("/health/ready"))[0] == 200
    )  # other threads close theirs a little later


@pytest.mark.slow
def test_each_503_says_when_to_come_back(server: Server) -> None:
    met = crowd(server)
    pages_of_health = 20  # /health/ready says what is wrong

    assert met[503, False] <= pages_of_health
    assert met[503, True] > 0


@pytest.mark.slow
def test_what_was_taken_on_is_stored_and_nothing_else_is(server: Server) -> None:
    taken = [email("", number=n) for n in range(60)]
    with ThreadPoolExecutor(50) as pool:
        met = Counter(pool.map(lambda request: ask(server, request)[0], taken))

    assert rows(server, "select count(*) from delivery_email")[0][0] == met[200] + met[202]


def test_a_worker_with_few_files_sends_everything_and_blames_nobody(server: Server) -> None:
    for number in range(120):
        assert ask(server, email("respond-async", number=number))[0] == 202
    command = scarcity.limited([sys.executable, "manage.py", "worker"], files=FILES)
    environment = server.environment | {"WORKER_THREADS": "32"}
    log = server.log.with_name("worker.log")
    with log.open("wb") as written, subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=written, stderr=written
    ) as worker:  # fmt: skip
        try:
            sent = "select count(*) from delivery_email where status = 'sent'"
            eventually(lambda: rows(server, sent) == [(120,)], seconds=60)
            assert worker.poll() is None
        finally:
            worker.terminate()
    assert worker.returncode == 0, log.read_text()
    assert rows(server, "select * from delivery_circuit") == []
    assert rows(server, "select * from delivery_email where possible_duplicate") == []
    assert log.read_text().count("unable to open") + log.read_text().count("Too many open files") > 0
