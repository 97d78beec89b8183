"""G11: one process that hands over emails accepted before, beside a library's queues that do b's job."""

import os
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from benchmarks import servers
from benchmarks.report import Row
from benchmarks.rounds import Rounds, paired
from benchmarks.servers import GOMAIL, QUEUES, Site, Stub

WORKER = ("manage.py", "worker")
_TABLES = {GOMAIL: "delivery_email", QUEUES: "peer_email"}
_WAITING = {GOMAIL: "('queued', 'sending')", QUEUES: "('sending')"}
_LONGEST = 300.0  # seconds
_THREADS = 32  # GoMail's default
_PEERS_THREADS = 8  # of Celery


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One process that empties a queue."""

    site: Site
    fill: tuple[str, ...]  # makes the backlog; its number is added
    work: tuple[str, ...]
    variables: dict[str, str] = field(default_factory=dict)
    delay: int = 0  # of the provider, milliseconds
    share: float = 1.0  # of the backlog: each works for some seconds


def measure(database: str, vendor: Stub, folder: Path, rounds: Rounds, broker: str) -> Iterator[Row]:
    """Yield own rates, and beside them on PostgreSQL those of one django-tasks-db worker and of Celery's threads."""
    with ExitStack() as stack:
        ours = stack.enter_context(servers.site(GOMAIL, database, vendor, folder / "gomail-queue"))
        engines = _ours(ours)
        if database != "sqlite":
            queues = stack.enter_context(servers.site(QUEUES, database, vendor, folder / "queues"))
            engines |= _peers(queues, broker)
            if "celery" in engines:
                stack.callback(_forget, engines["celery"])
        rates = _rates(engines, vendor, rounds)
    yield from _rows("SQLite" if database == "sqlite" else "PostgreSQL", rates)


def left_out(database: str, broker: str) -> Iterator[str]:
    """Yield a sentence for each peer that is not there to be measured."""
    if database != "sqlite" and not find_spec("django_tasks"):
        yield "G11: django-tasks-db was left out; on Django 5.2 it needs `django-tasks`, which is not installed."
    if database != "sqlite" and not _answers(broker):
        yield "G11: Celery was left out; no broker answers at the address of --broker-url."


def wait(site: Site, process: Any = None) -> None:
    """Wait until nothing waits any more."""
    give_up = time.monotonic() + _LONGEST
    query = f"SELECT count(*) FROM {_TABLES[site.name]} WHERE status IN {_WAITING[site.name]}"
    while _ask(site, query)[0]:
        if time.monotonic() > give_up or (process and process.poll() is not None):
            raise SystemExit(f"The queue is not emptied: {(site.folder / 'process.log').read_text()[-2000:]}")
        time.sleep(0.25)


def _ours(site: Site) -> dict[str, Engine]:
    fill = ("-m", "benchmarks.backlog")
    many = {"WORKER_THREADS": "64"}
    return {
        "ours": Engine(site=site, fill=fill, work=WORKER),
        "ours, 64": Engine(site=site, fill=fill, work=WORKER, variables=many),
        "ours, 64, slow": Engine(site=site, fill=fill, work=WORKER, variables=many, delay=50),
    }


def _peers(site: Site, broker: str) -> dict[str, Engine]:
    fill, found = ("-m", "benchmarks.peer.backlog"), {}
    if find_spec("django_tasks"):
        work = ("-m", "django", "db_worker", "--no-startup-delay", "--interval", "0.1")
        found["database"] = Engine(site=site, fill=(*fill, "database"), work=work, share=0.3)
    if _answers(broker):
        options = ("-P", "threads", "-c", str(_PEERS_THREADS), "--loglevel", "ERROR")
        work = ("-m", "celery", "-A", "benchmarks.peer.celery_queue", "worker", *options)
        queue = {"BENCH_BROKER_URL": broker, "BENCH_QUEUE": f"gomail_bench_{os.getpid()}"}
        found["celery"] = Engine(site=site, fill=(*fill, "celery"), work=work, variables=queue, share=0.5)
    return found


def _forget(engine: Engine) -> None:
    """Delete what was made in the broker."""
    servers.ask(engine.site, "-m", "benchmarks.peer.backlog", "forget", **engine.variables)


def _rates(engines: dict[str, Engine], vendor: Stub, rounds: Rounds) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {name: [] for name in engines}
    for number in range(rounds.drains):
        for name in engines if number % 2 else reversed(engines):
            vendor.delay(engines[name].delay)
            rates[name].append(_rate(engines[name], int(rounds.backlog * engines[name].share)))
    vendor.delay(0)
    return rates


def _rate(engine: Engine, number: int) -> float:
    """Return emails per second between the first and the last that was finished; starting up does not count."""
    servers.ask(engine.site, *engine.fill, str(number), **engine.variables)
    since = datetime.now(UTC)
    with servers.process(engine.site, *engine.work, **engine.variables) as process:
        wait(engine.site, process)
    sent, first, last = _ask(engine.site, _finished(engine.site, since))
    if sent != number:
        raise SystemExit(f"{sent} of {number} emails were sent.")
    return (number - 1) / (last - first)


def _finished(site: Site, since: datetime) -> str:
    seconds = (
        "(julianday({0}(finished_at)) * 86400)"
        if _is_sqlite(site)
        else "extract(epoch FROM {0}(finished_at))"
    )
    return (
        f"SELECT count(*), {seconds.format('min')}, {seconds.format('max')} FROM {_TABLES[site.name]}"
        f" WHERE status = 'sent' AND finished_at >= '{since:%Y-%m-%d %H:%M:%S.%f}{'' if _is_sqlite(site) else '+00'}'"
    )


def _rows(kind: str, rates: dict[str, list[float]]) -> Iterator[Row]:
    ours, many, slow = rates["ours"], rates["ours, 64"], rates["ours, 64, slow"]
    limit = 0.8 if kind == "PostgreSQL" else None
    yield Row("G11", f"worker, {_THREADS} threads, {kind}", median(ours), None, None, None, unit="/s")
    for name, peer, goal in (
        ("peer: one django-tasks-db worker", "database", 4),
        (f"peer: Celery, {_PEERS_THREADS} threads, RabbitMQ", "celery", 2),
    ):
        if peer in rates:
            title = f"worker, {_THREADS} threads, {kind} ({name})"
            ratio = paired(ours, rates[peer])
            yield Row("G11", title, median(ours), median(rates[peer]), ratio, goal, unit="/s", least=True)
    title = f"worker, 64 threads, 50 ms provider (peer: own at 0 ms), {kind}"
    yield Row("G11", title, median(slow), median(many), paired(slow, many), limit, unit="/s", least=True)


def _answers(broker: str) -> bool:
    place = urlsplit(broker)
    try:
        socket.create_connection((place.hostname or "127.0.0.1", place.port or 5672), timeout=2).close()
    except OSError:
        return False
    return True


def _is_sqlite(site: Site) -> bool:
    return site.database.startswith("sqlite")


def _ask(site: Site, query: str) -> tuple[Any, ...]:
    """Return the first row of an answer."""
    if _is_sqlite(site):
        connection: Any = sqlite3.connect(site.database.removeprefix("sqlite:///"), timeout=20)
    else:
        import psycopg

        connection = psycopg.connect(site.database, autocommit=True)
    try:
        row: tuple[Any, ...] = connection.execute(query).fetchone()
        return row
    finally:
        connection.close()
