"""Measures GoMail against peer b, what a good engineer writes in an afternoon (benchmarks/peer).

    python -m benchmarks                                  on SQLite
    python -m benchmarks --database-url postgres://…      on PostgreSQL too, in databases made for it
    python -m benchmarks --only G4 G11                    some of the goals, without writing them down
    python -m benchmarks --quick                          see that it runs; its numbers mean nothing

Writes benchmarks/results.md. Everything is on the loopback interface and in temporary folders.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from benchmarks import (
    accepting,
    draining,
    importing,
    load,
    mailing,
    sendgrid_leg,
    sending,
    servers,
    uploading,
)
from benchmarks.report import Row, table
from benchmarks.rounds import Pair, Rounds, paired
from benchmarks.servers import GOMAIL, PEER, Stub

RESULTS = Path(__file__).with_name("results.md")
_OF_MAILINGS = {"G10", "M1", "M2", "M3", "M4"}
_APART = {"G6", "G7", "G9", "I1", *_OF_MAILINGS}  # of no pair of servers
_GOALS = ("G1", "G2", "G3", "G4", "G5", "G6", "G7", "G9", "G10", "G11", "I1", "M1", "M2", "M3", "M4")


def main() -> None:
    options = _options()
    started = time.monotonic()
    databases = {"SQLite": "sqlite"}
    if options.database_url:
        databases["PostgreSQL"] = options.database_url
    with tempfile.TemporaryDirectory(prefix="gomail-bench-") as folder, servers.stub() as vendor:
        rows = [
            row for row in _measured(options, databases, vendor, Path(folder)) if row.goal in options.only
        ]
    rows.sort(key=lambda row: (row.goal[0], int(row.goal[1:])))
    notes = [note for url in databases.values() for note in draining.left_out(url, options.broker_url)]
    seconds = time.monotonic() - started
    text = table(rows, command=_command(options), machine=_machine(), seconds=seconds, notes=notes)
    print(text)
    if not options.quick and set(options.only) == set(_GOALS):
        RESULTS.write_text(text)


def _measured(
    options: argparse.Namespace, databases: dict[str, str], vendor: Stub, folder: Path
) -> Iterator[Row]:
    rounds, wanted, last = Rounds(quick=options.quick), set(options.only), list(databases)[-1]
    if "G9" in wanted:
        yield from _sendgrid(vendor, rounds)
    for kind, url in databases.items():
        if wanted - _APART:
            with _pair(url, vendor, folder / kind) as pair:
                once = set() if kind == last else {"G5"}
                yield from _of_servers(kind, pair, vendor, rounds, wanted - once)
        if "G11" in wanted:
            yield from draining.measure(url, vendor, folder / kind, rounds, options.broker_url)
        if "I1" in wanted:
            yield from importing.measure(kind, url, vendor, folder / kind, rounds)
        if wanted & _OF_MAILINGS:
            yield from mailing.measure(kind, url, vendor, folder / kind, rounds)
    if wanted & {"G6", "G7"}:
        with _pair(databases["SQLite"], vendor, folder / "memory") as pair:
            yield from uploading.memory(pair)


def _of_servers(kind: str, pair: Pair, vendor: Stub, rounds: Rounds, wanted: set[str]) -> Iterator[Row]:
    for server in pair:
        load.one_by_one(server, load.small, 20)
    if wanted & {"G1", "G2", "G3"}:
        yield from sending.measure(kind, pair, vendor, rounds)
    if "G5" in wanted:
        yield from uploading.measure(pair, rounds)
    if "G4" in wanted:
        yield from accepting.measure(kind, pair, vendor, rounds)
    if "G11" in wanted:
        yield from accepting.bulk(kind, pair[0], rounds)


def _sendgrid(vendor: Stub, rounds: Rounds) -> Iterator[Row]:
    for name, large, each, goal in (("1 KB", False, rounds.cpu_each, 0.45), ("7 MB", True, 1, 0.25)):
        ours, stock, opened = sendgrid_leg.measure(vendor, large=large, rounds=rounds.cpu, each=each)
        title = f"SendGrid leg, {name}: CPU (peer: the stock package)"
        yield Row("G9", title, median(ours), median(stock), paired(ours, stock), goal, unit="ms")
        mails = rounds.cpu * each
        yield Row("G9", f"connections for {mails} mails, {name}", opened, None, None, 1, judged="value")


@contextmanager
def _pair(database: str, vendor: Stub, folder: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        gomail, peer = (
            stack.enter_context(servers.server(name, database, vendor, folder / name))
            for name in (GOMAIL, PEER)
        )
        yield gomail, peer


def _command(options: argparse.Namespace) -> str:
    words = ["python -m benchmarks"]
    words += ["--quick"] if options.quick else []
    words += ["--database-url postgres://…"] if options.database_url else []
    words += ["--only", *options.only] if set(options.only) != set(_GOALS) else []
    return " ".join(words)


def _machine() -> str:
    system = f"{platform.system()} {platform.machine()}"
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {system}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure GoMail against peer b."
    )
    parser.add_argument("--quick", action="store_true", help="a smoke run that writes no results")
    parser.add_argument(
        "--database-url", help="a PostgreSQL database to connect to; its user may make others"
    )
    parser.add_argument("--only", nargs="+", choices=_GOALS, default=_GOALS, metavar="GOAL")
    parser.add_argument("--broker-url", default="amqp://guest:guest@127.0.0.1:5672//", help="for Celery")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
