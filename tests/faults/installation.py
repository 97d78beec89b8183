"""A whole GoMail: several web processes and a worker, on a database of its own."""

import fcntl
import itertools
import json
import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests import servers
from tests.faults import processes
from tests.faults.record import Record

PROCESSES = 4
_SERVER = ("-m", "gunicorn", "--config")
_LAUNCHER = "tests.faults.defective"
_JOINED = "SELECT pid FROM delivery_worker WHERE stopped_at IS NULL"
_UNSETTLED = "SELECT count(*) FROM delivery_email WHERE due_at IS NOT NULL OR status = 'sending'"


@dataclass(frozen=True, kw_only=True)
class Commands:
    """How the processes of an installation are started: what Python is given."""

    web: tuple[str, ...] = (*_SERVER, "python:gomail.gunicorn")
    worker: tuple[str, ...] = ("manage.py", "worker")

    def with_defect(self, name: str, *, web: str = "", worker: str = "") -> "Commands":
        """Let all processes have the defect of this name, and one kind a further one; empty names are none."""
        return Commands(web=_launched(self.web, name, web), worker=_launched(self.worker, name, worker))


def _launched(command: tuple[str, ...], *names: str) -> tuple[str, ...]:
    wanted = ",".join(filter(None, names))
    if wanted and command[1] == _LAUNCHER:  # it has some already
        return (*command[:2], f"{command[2]},{wanted}", *command[3:])
    return ("-m", _LAUNCHER, wanted, "--", *command) if wanted else command


def commands(workers: int, engine: str) -> Commands:
    """Return processes that can be killed by the hundred: they are forked from what has loaded everything."""
    keeper = ("-m", "tests.faults.keeper", engine, str(workers))
    return Commands(web=(*_SERVER, "python:tests.faults.preloaded"), worker=keeper)


class Databases:
    """Makes databases with all tables and no rows: one is migrated, the others are its copies."""

    def __init__(self, server: str, folder: Path) -> None:
        """Use SQLite files in the folder if the server is empty, else databases in that PostgreSQL server."""
        self._server, self._folder = server, folder
        self._numbers = itertools.count(1)
        self._empty = self._make("")
        processes.answer_of(["manage.py", "migrate", "-v0"], {"DATABASE_URL": self._url(self._empty)})

    @property
    def are_files(self) -> bool:
        return not self._server

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
        name = f"gomail_faults_{os.getpid()}_{next(self._numbers):03}"
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

    def __init__(
        self, database: str, folder: Path, variables: Mapping[str, str], commands: Commands | None = None
    ) -> None:
        self.port = servers.free_port()
        self.folder = folder
        self.watched = database  # where the harness asks; some trials leave it a way of its own
        self.parents: dict[str, processes.Process] = {}  # web, worker: what starts the processes that work
        self.web_variables: Mapping[str, str] = {}  # of the server's processes alone
        self._commands = commands or Commands()
        self._running = ExitStack()
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
        """Run the web processes and the workers; meanwhile they may be stopped and started again."""
        try:
            self.start()
            yield
        finally:
            self.stop()

    def start(self) -> None:
        """Start all processes, and return when requests are taken."""
        web_environment = self.environment | self.web_variables
        with ExitStack() as stack:
            web = processes.running([*self._commands.web], web_environment, self.folder / "web.log")
            worker = processes.running([*self._commands.worker], self.environment, self.folder / "worker.log")
            self.parents = {"web": stack.enter_context(web), "worker": stack.enter_context(worker)}
            try:
                processes.eventually(lambda: servers.listening(self.port), seconds=60)
            except processes.Late:
                raise RuntimeError(f"GoMail does not listen:\n{self.log()[-3000:]}") from None
            self._running = stack.pop_all()

    def stop(self) -> None:
        """End all processes in order."""
        self._running.close()

    def lose_power(self) -> None:
        """End all processes at once, and those that start them."""
        for process in self.parents.values():
            os.killpg(process.pid, signal.SIGKILL)
        self._running.close()

    def beside(self, name: str) -> "Installation":
        """Return another machine on the same database, with the same files and a journal of its own."""
        folder = self.folder / name
        folder.mkdir()
        variables = {k: v for k, v in self.environment.items() if k != "PORT"}
        variables |= {"GOMAIL_JOURNAL_DIR": str(folder / "journal")}
        other = Installation(
            self.environment["DATABASE_URL"], folder, variables, self._commands.with_defect(name)
        )
        other.web_variables, other.watched = self.web_variables, self.watched
        return other

    def command(self, *arguments: str) -> str:
        """Run one of `manage.py`'s commands beside the processes; return what it prints."""
        return processes.answer_of(["manage.py", *arguments], self.environment | {"GOMAIL_FAILPOINTS": ""})

    def record(self) -> Record:
        """Return what GoMail has written down."""
        return Record.read(self._ask("dump"))

    def waiting(self) -> int:
        """Count the emails about which something is still to be done."""
        return int(self._ask("waiting"))

    def unsettled(self) -> int:
        """Count the same without a process; a database that is away raises its own error."""
        return int(ask(self.watched, _UNSETTLED)[0][0])

    def joined(self) -> set[int]:
        """Return the process ids of the workers that have begun to work."""
        return {int(pid) for (pid,) in ask(self.watched, _JOINED)}

    def journals(self) -> list[Path]:
        """Return the journal's files of which no process is in charge (any more)."""
        files = sorted(Path(self.environment["GOMAIL_JOURNAL_DIR"]).glob("*.journal"))
        return [file for file in files if _is_abandoned(file)]

    def ailments(self) -> list[str]:
        """Return what GoMail's own examiner finds wrong."""
        variables = self.environment | {"DATABASE_URL": self.watched, "GOMAIL_FAILPOINTS": ""}
        said = processes.answer_of(["manage.py", "doctor", "--deep", "--json"], variables, statuses=(0, 1))
        return [one["sentence"] for one in json.loads(said)["findings"] if one["is_wrong"]]

    def ripen(self) -> int:
        """Let every open circuit be ripe for a probe in two seconds; return how many there were."""
        return int(self._ask("ripen"))

    def hurry(self) -> int:
        """Let all emails that wait be due, and every open circuit be ripe; return how many emails there were."""
        return int(self._ask("hurry"))

    def outlive(self) -> int:
        """Let every second email that waits be past its deadline; return how many these are."""
        return int(self._ask("outlive"))

    def log(self) -> str:
        files = sorted(self.folder.glob("*.log"))
        return "".join(file.read_text(errors="replace") for file in files)

    def _ask(self, question: str) -> Any:
        variables = self.environment | {"DATABASE_URL": self.watched}
        return json.loads(processes.answer_of(["-m", "tests.faults.record", question], variables))


def ask(database: str, statement: str) -> list[Any]:
    """Return the rows that a database answers."""
    if database.startswith("sqlite"):
        with closing(sqlite3.connect(database.removeprefix("sqlite:///"), timeout=20)) as connection:
            return connection.execute(statement).fetchall()
    import psycopg

    with psycopg.connect(database, connect_timeout=5) as session:
        return session.execute(statement.encode()).fetchall()


def _is_abandoned(file: Path) -> bool:
    with suppress(FileNotFoundError), file.open("rb") as handle, suppress(BlockingIOError):
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return True
    return False
