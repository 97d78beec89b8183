"""Real processes of a whole GoMail: with a database file and a port of their own, started, asked and killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.db import connection

from tests import fakes, migrated
from tests.paths import ROOT

SOON = 120.0  # seconds until a real process has done its work on the slowest machine


class Installation:
    """GoMail with a database file and a port of its own."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self.port = free_port()
        self.environment = os.environ | {
            "DATABASE_URL": f"sqlite:///{folder / 'crash.sqlite3'}",
            "GOMAIL_STORAGE_DIR": str(folder / "attachments"),
            "GOMAIL_JOURNAL_DIR": str(folder / "journal"),
            "GOMAIL_PROVIDERS": "ses,sendgrid",
            "API_KEY_REQUIRED": "false",
            "PORT": str(self.port),
            **variables,
        }
        (folder / "crash.sqlite3").write_bytes(migrated.database())

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    @contextmanager
    def running(self, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def started(self, *arguments: str, output: Path) -> "subprocess.Popen[bytes]":
        """Start a process that writes all that it prints, at once, to this file."""
        with output.open("wb") as file:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=self.environment | {"PYTHONUNBUFFERED": "1"},
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    @contextmanager
    def serving(self) -> Iterator["subprocess.Popen[bytes]"]:
        with self.running("-m", "gunicorn", "--config", "python:gomail.gunicorn") as process:
            eventually(lambda: listening(self.port))
            yield process
        eventually(lambda: not listening(self.port))  # the killed server's children are gone, too

    def post(self, subject: str = "Hello", prefer: str = "") -> None:
        body = json.dumps({"to_addresses": "ann@example.org", "subject": subject}).encode()
        headers = {"Content-Type": "application/json", "Prefer": prefer}
        request = urllib.request.Request(self.url("send-email/"), body, headers)
        urllib.request.urlopen(request, timeout=60).close()

    def emails(self, status: str = "") -> list[dict[str, Any]]:
        with urllib.request.urlopen(self.url(f"emails/?status={status}"), timeout=10) as page:
            found = json.load(page)["results"]
        return [self.email(row["id"]) for row in found]

    def email(self, pk: str) -> dict[str, Any]:
        with urllib.request.urlopen(self.url(f"emails/{pk}/"), timeout=10) as page:
            return json.load(page)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{fakes.V1}{path}"


def database_url() -> str:
    """Return the URL of the tests' own database, for processes beside them."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(os.environ["TEST_DATABASE_URL"])._replace(path=f"/{name}").geturl()


def stopped(process: "subprocess.Popen[bytes]") -> int:
    """Stop a process in order, or else kill it with its children; return its exit status."""
    try:
        process.terminate()
        return process.wait(2 * SOON)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def eventually(condition: Any, *, seconds: float = SOON) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
