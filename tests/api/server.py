"""A real server process on a free port, with a database of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import migrated, scarcity, servers
from tests.paths import ROOT

SOON = 120.0  # seconds; two busy processors may take some


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where it listens, and what it has written to its log."""

    port: int
    log: Path
    environment: dict[str, str]

    def connect(self, timeout: float = SOON) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def manage(self, *arguments: str) -> str:
        """Run manage.py on the server's database and return what it prints."""
        return _manage(self.environment, *arguments)


@contextmanager
def serving(folder: Path, *, tables: bool = True, files: int = 0, **variables: str) -> Iterator[Server]:
    """Start a server and wait until it answers; stop it in the end. `files`: how many it may open."""
    port = servers.free_port()
    environment = os.environ | {
        "DATABASE_URL": f"sqlite:///{folder / 'server.sqlite3'}",
        "GOMAIL_STORAGE_DIR": str(folder / "attachments"),
        "GOMAIL_JOURNAL_DIR": str(folder / "journal"),
        "PORT": str(port),
        "WEB_THREADS": "4",
        **variables,
    }
    if tables:
        (folder / "server.sqlite3").write_bytes(migrated.database())
    server = Server(port=port, log=folder / "log", environment=environment)
    command = [sys.executable, "-m", "gunicorn", "--config", "python:gomail.gunicorn"]
    command = scarcity.limited(command, files=files) if files else command
    with server.log.open("wb") as log:
        run: Any = {"cwd": ROOT, "env": environment, "stdout": log, "stderr": log}
        with subprocess.Popen(command, **run) as process:
            try:
                _await(server)
                yield server
            finally:
                process.terminate()


def whole_answer(connection: socket.socket) -> bytes:
    """Return the next answer up to the end that its length names, or what came until the connection was closed."""
    data = b""
    while (
        (data.startswith(b"HTTP/1.1 100") and data.count(b"\r\n\r\n") < 2)
        or b"\r\n\r\n" not in data
        or len(data.partition(b"\r\n\r\n")[2]) < _length(data)
    ):
        piece = connection.recv(65536)
        if not piece:
            break
        data += piece
    return data


def _length(data: bytes) -> int:
    lines = data.partition(b"\r\n\r\n")[0].lower().split(b"\r\n")
    return next((int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:")), 0)


def _manage(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout


def _await(server: Server) -> None:
    """Wait for an answer: the port is open before there is a process behind it."""
    until = time.monotonic() + SOON
    while True:
        try:
            with server.connect(1) as connection:
                connection.sendall(b"GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert whole_answer(connection)
        except OSError:
            assert time.monotonic() < until, server.log.read_text()
            time.sleep(0.05)
        else:
            return
