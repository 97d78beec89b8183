"""A whole GoMail: several web processes and a worker, on a database of its own."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.faults import processes
from tests.faults.record import Record

PROCESSES = 4


class Databases:
    """Makes databases with all tables and no rows: one is migrated, the others are its copies."""

    def __init__(self, server: str, folder: Path) -> None:
        """Use SQLite files in the folder if the server is empty, else databases in that PostgreSQL server."""
        self._server, self._folder = server, folder
        self._number = 0
        self._empty = self._make("")
        processes.answer_of(["manage.py", "migrate", "-v0"], {"DATABASE_URL": self._url(self._empty)})

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """Return the URL of a new database."""
        name = self._make(self._empty)
        try:
            yield self._url(name)
        finally:
            self._drop(name)

    def close(self) -> None:
        self._drop(self._empty)

    def _make(self, template: str) -> str:
        self._number += 1
        name = f"gomail_faults_{os.getpid()}_{self._number:03}"
        if self._server:
            self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template or "template1"}"')
        elif template:
            shutil.copy(self._folder / template, self._folder / name)
        return name

    def _url(self, name: str) -> str:
        if self._server:
            return urlsplit(self._server)._replace(path=f"/{name}").geturl()
        return f"sqlite:///{self._folder / name}"

    def _drop(self, name: str) -> None:
        if self._server:
            self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        else:
            for file in self._folder.glob(f"{name}*"):
                file.unlink()

    def _execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(statement.encode())


class Installation:
    """GoMail with a port, a log and a database of its own."""

    def __init__(self, database: str, folder: Path, variables: Mapping[str, str]) -> None:
        self.port = processes.free_port()
        self.folder = folder
        self.environment = {
            "DJANGO_SETTINGS_MODULE": "gomail.settings",
            "DATABASE_URL": database,
            "GOMAIL_STORAGE_DIR": str(folder / "attachments"),
            "GOMAIL_JOURNAL_DIR": str(folder / "journal"),
            "API_KEY_REQUIRED": "false",
            "DJANGO_ALLOWED_HOSTS": "127.0.0.1",
            "GOMAIL_HOLD_SECONDS": "2",
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "WEB_CONCURRENCY": str(PROCESSES),
            **variables,
        }

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the web processes and one worker."""
        web = ["-m", "gunicorn", "--config", "python:gomail.gunicorn"]
        with (
            processes.running(web, self.environment, self.folder / "web.log"),
            processes.running(["manage.py", "worker"], self.environment, self.folder / "worker.log"),
        ):
            try:
                processes.eventually(lambda: processes.listening(self.port), seconds=60)
            except processes.Late:
                raise RuntimeError(f"GoMail does not listen:\n{self.log()[-3000:]}") from None
            yield

    def record(self) -> Record:
        """Return what GoMail has written down."""
        return Record.read(self._ask("dump"))

    def waiting(self) -> int:
        """Count the emails about which something is still to be done."""
        return int(self._ask("waiting"))

    def ripen(self) -> int:
        """Let every open circuit be ripe for a probe in two seconds; return how many there were."""
        return int(self._ask("ripen"))

    def log(self) -> str:
        files = sorted(self.folder.glob("*.log"))
        return "".join(file.read_text(errors="replace") for file in files)

    def _ask(self, question: str) -> Any:
        return json.loads(processes.answer_of(["-m", "tests.faults.record", question], self.environment))
