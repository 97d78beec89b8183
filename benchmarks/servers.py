"""The processes that are measured, each with its own database and folder, all gone afterwards."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
GOMAIL, PEER, QUEUES = "gomail", "peer", "queues"  # of the last two one has a web server, the other queues
_TICKS_OF_A_PROCESS = 2  # CPUCLOCK_SCHED in the kernel's number of a process's clock


@dataclass(frozen=True, kw_only=True)
class Site:
    """GoMail or the peer with an empty database of its own; its processes get these variables."""

    name: str
    database: str  # URL
    folder: Path
    variables: Mapping[str, str]
    token: str  # an API key, of which the peer knows nothing


@dataclass(frozen=True, kw_only=True)
class Server:
    """One running web server; pid is that of its only worker."""

    site: Site
    port: int
    pid: int
    log: Path

    @property
    def name(self) -> str:
        return self.site.name

    @property
    def token(self) -> str:
        return self.site.token

    def cpu(self) -> float:
        """Return the seconds of CPU that the worker has used, in user and kernel, to the nanosecond."""
        return time.clock_gettime((~self.pid << 3) | _TICKS_OF_A_PROCESS)

    def memory(self) -> float:
        """Return the worker's resident memory in MiB."""
        return self._status("VmRSS")

    def peak(self) -> float:
        """Return the most resident memory since `forget_peak` in MiB."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def locked(self) -> int:
        """Return how often the log tells of a locked database."""
        return self.log.read_text(errors="replace").count("is locked")

    def _status(self, name: str) -> float:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


class Stub:
    """The provider's stand-in, in a process of its own."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def delay(self, milliseconds: int) -> None:
        self._get(f"/delay/{milliseconds}")

    def counts(self) -> dict[str, int]:
        found: dict[str, int] = json.loads(self._get("/counts"))
        return found

    def _get(self, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(self.url).port, timeout=10)
        connection.request("GET", path)
        body = connection.getresponse().read()
        connection.close()
        return body


@contextmanager
def stub() -> Iterator[Stub]:
    """Run the provider's stand-in."""
    with _running([str(ROOT / "benchmarks" / "stub.py")], {}, None) as process:
        assert process.stdout
        yield Stub(int(process.stdout.readline()))


@contextmanager
def site(name: str, database: str, vendor: Stub, folder: Path) -> Iterator[Site]:
    """Make an empty database for GoMail or the peer."""
    folder.mkdir(parents=True)
    with _fresh(database, f"{name}_bench_{os.getpid()}", folder) as url:
        variables = _variables(name, vendor) | {"DATABASE_URL": url}
        variables["GOMAIL_STORAGE_DIR"] = str(folder / "attachments")
        variables["GOMAIL_JOURNAL_DIR"] = str(folder / "journal")
        token = _prepare(name, variables)
        yield Site(name=name, database=url, folder=folder, variables=variables, token=token)


@contextmanager
def server(name: str, database: str, vendor: Stub, folder: Path) -> Iterator[Server]:
    """Run GoMail or the peer, with an empty database of its own."""
    with ExitStack() as stack:
        place = stack.enter_context(site(name, database, vendor, folder))
        port, log = _free_port(), folder / "log"
        application = {GOMAIL: "gomail.wsgi", PEER: "benchmarks.peer.wsgi"}[name]
        command = ["-m", "gunicorn", "--config", "python:gomail.gunicorn", application]
        master = stack.enter_context(_running(command, {**place.variables, "PORT": str(port)}, log))
        _wait(port, master, log)
        children = Path(f"/proc/{master.pid}/task/{master.pid}/children").read_text().split()
        yield Server(site=place, port=port, pid=int(children[0]), log=log)


@contextmanager
def process(place: Site, *arguments: str, **variables: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a Python process of a site beside, until it is told to stop."""
    with _running(list(arguments), {**place.variables, **variables}, place.folder / "process.log") as started:
        yield started


def ask(place: Site, *arguments: str, **variables: str) -> str:
    """Run a Python process of a site to its end; return what it says."""
    return _answer(arguments, {**place.variables, **variables})


def _variables(name: str, vendor: Stub) -> dict[str, str]:
    settings = {
        GOMAIL: "gomail.settings",
        PEER: "benchmarks.peer.settings",
        QUEUES: "benchmarks.peer.queue_settings",
    }[name]
    return {
        "DJANGO_SETTINGS_MODULE": settings,
        "DJANGO_DEBUG": "false",
        "DJANGO_SECRET_KEY": "a key that signs nothing but what the benchmark asks for, long enough",
        "DJANGO_ALLOWED_HOSTS": "127.0.0.1",
        "GOMAIL_PROVIDERS": "ses",
        "AWS_SES_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "bench-access-key-id",
        "AWS_SECRET_ACCESS_KEY": "bench-secret-access-key",
        "AWS_SES_CONFIGURATION_SET": "",
        "AWS_SES_ENDPOINT_URL": vendor.url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "WEB_CONCURRENCY": "1",
        "WEB_THREADS": "32",
        "HOST": "127.0.0.1",
    }


def _prepare(name: str, variables: Mapping[str, str]) -> str:
    """Make the tables; return an API key, of which the peer knows nothing."""
    if name != GOMAIL:
        _django(variables, "migrate", "--run-syncdb")
        return ""
    _django(variables, "migrate")
    return _django(variables, "create_api_key", "bench").split()[-1]


def _django(variables: Mapping[str, str], *arguments: str) -> str:
    return _answer(("-m", "django", *arguments), variables)


def _answer(arguments: Sequence[str], variables: Mapping[str, str]) -> str:
    command = [sys.executable, *arguments]
    answer = subprocess.run(
        command, cwd=ROOT, env=os.environ | variables, text=True, capture_output=True, check=False
    )
    if answer.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{answer.stderr}")
    return answer.stdout


@contextmanager
def _fresh(database: str, name: str, folder: Path) -> Iterator[str]:
    """Return the URL of a new database: a file, or one in the PostgreSQL server whose URL was given."""
    if database == "sqlite":
        yield f"sqlite:///{folder / 'bench.sqlite3'}"
        return
    import psycopg

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlsplit(database)._replace(path=f"/{name}").geturl()
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def _running(
    arguments: list[str], variables: Mapping[str, str], log: Path | None
) -> Iterator["subprocess.Popen[str]"]:
    output = log.open("w") if log else subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | variables,
        text=True,
        stdout=output,
        stderr=output if log else None,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait(port: int, process: "subprocess.Popen[str]", log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise SystemExit(f"The server did not start:\n{log.read_text()}")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/nothing-here")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("The server does not answer.")
