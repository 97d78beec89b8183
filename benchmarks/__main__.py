"""Measures GoMail against peer b, what a good engineer writes in an afternoon (benchmarks/peer).

    python -m benchmarks                                  on SQLite
    python -m benchmarks --database-url postgres://…      on PostgreSQL too, in databases made for it
    python -m benchmarks --quick                          see that it runs; its numbers mean nothing

Writes benchmarks/results.md. Everything is on the loopback interface and in temporary folders.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from benchmarks import load, sendgrid_leg, servers
from benchmarks.report import Row, table
from benchmarks.servers import GOMAIL, PEER, Server, Stub

RESULTS = Path(__file__).with_name("results.md")
Pair = tuple[Server, Server]  # GoMail, peer b


class Rounds:
    """How often everything is measured."""

    def __init__(self, *, quick: bool) -> None:
        self.cpu, self.cpu_each = (3, 5) if quick else (25, 40)
        self.large, self.large_each = (2, 1) if quick else (25, 1)
        self.rates, self.rate_each = (1, 64) if quick else (3, 400)
        self.large_rates, self.large_rate_each = (1, 4) if quick else (3, 12)
        self.latencies, self.latency_each = (1, 5) if quick else (3, 40)


def main() -> None:
    options = _options()
    rounds = Rounds(quick=options.quick)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gomail-bench-") as folder, servers.stub() as vendor:
        rows = list(_sendgrid(vendor, rounds))
        databases = {"SQLite": "sqlite"}
        if options.database_url:
            databases["PostgreSQL"] = options.database_url
        for kind, url in databases.items():
            with _pair(url, vendor, Path(folder) / kind) as pair:
                rows += _on_database(kind, pair, vendor, rounds)
                if kind == list(databases)[-1]:
                    rows += _uploads(pair, rounds)
        rows += _memory(databases["SQLite"], vendor, Path(folder) / "memory")
    rows.sort(key=lambda row: row.goal)
    text = table(rows, command=_command(options), machine=_machine(), seconds=time.monotonic() - started)
    print(text)
    if not options.quick:
        RESULTS.write_text(text)


def _on_database(kind: str, pair: Pair, vendor: Stub, rounds: Rounds) -> Iterator[Row]:
    for server in pair:
        load.one_by_one(server, load.small, 20)
    value, peer, ratio = _cpu(pair, load.small, rounds.cpu, rounds.cpu_each)
    yield Row("G1", f"1 KB JSON, {kind}: CPU", value, peer, ratio, 1.6, unit="ms")
    yield _latency(kind, pair, vendor, rounds)
    yield from _hidden(kind, pair, vendor, rounds)


def _latency(kind: str, pair: Pair, vendor: Stub, rounds: Rounds) -> Row:
    vendor.delay(50)
    added: list[list[float]] = [[], []]
    for number in range(rounds.latencies):
        for place in _order(number):
            times = load.one_by_one(pair[place], load.small, rounds.latency_each)
            added[place].append(median(times) * 1000 - 50)
    vendor.delay(0)
    value, peer = median(added[0]), median(added[1])
    name = f"added to a 50 ms provider, p50, {kind}"
    return Row("G2", name, value, peer, value / peer, 15, unit="ms", judged="value")


def _hidden(kind: str, pair: Pair, vendor: Stub, rounds: Rounds) -> Iterator[Row]:
    """Compare the rate at 50 ms with the rate at 0 ms, of each server with its own."""
    rates: dict[tuple[int, int], list[float]] = {}
    failures = 0
    for number in range(rounds.rates):
        for place in _order(number):
            for delay in (0, 50) if number % 2 else (50, 0):
                vendor.delay(delay)
                rate, failed = load.together(pair[place], load.small, 64, rounds.rate_each)
                rates.setdefault((place, delay), []).append(rate)
                failures += failed if place == 0 else 0
    vendor.delay(0)
    ours, theirs = ([_paired(rates[place, 50], rates[place, 0])] for place in (0, 1))
    name = f"64 clients, rate at 50 ms / at 0 ms, {kind}"
    yield Row("G3", name, ours[0], theirs[0], ours[0], 0.85, judged="ratio", least=True)
    slow, fast = median(rates[0, 50]), median(rates[1, 50])
    yield Row("G3", f"64 clients at 50 ms, {kind}", slow, fast, slow / fast, None, unit="/s")
    errors = failures + pair[0].locked()
    yield Row("G3", f"64 clients, errors, {kind}", errors, None, None, 0, judged="value")


def _uploads(pair: Pair, rounds: Rounds) -> Iterator[Row]:
    for server in pair:
        load.one_by_one(server, load.large, 1)
    value, peer, ratio = _cpu(pair, load.large, rounds.large, rounds.large_each)
    yield Row("G5", "7 MB multipart: CPU", value, peer, ratio, 0.25, unit="ms")
    rates: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds.large_rates):
        for place in _order(number):
            rates[place].append(load.together(pair[place], load.large, 4, rounds.large_rate_each)[0])
    ours, theirs = median(rates[0]), median(rates[1])
    yield Row("G5", "7 MB, 4 clients", ours, theirs, _paired(*rates), 4, unit="/s", least=True)


def _memory(database: str, vendor: Stub, folder: Path) -> Iterator[Row]:
    with _pair(database, vendor, folder) as pair:
        ours, theirs = (_of_uploads(server) for server in pair)
    warm, one, four, after = zip(ours, theirs, strict=True)

    def row(goal: str, name: str, both: tuple[float, float], limit: float) -> Row:
        return Row(goal, name, *both, both[0] / both[1], limit, unit="MiB", judged="value")

    yield row("G6", "one 7 MB upload adds", (one[0] - warm[0], one[1] - warm[1]), 20)
    yield row("G6", "4 uploads at once, peak", four, 2 * warm[0])
    yield row("G6", "afterwards", after, warm[0] + 60)
    yield row("G7", "warm worker", warm, 130)


def _of_uploads(server: Server) -> tuple[float, float, float, float]:
    """Return MiB: warm, the peak of one upload, the peak of four at once, and afterwards."""
    load.together(server, load.small, 4, 100)
    warm = server.memory()
    server.forget_peak()
    load.one_by_one(server, load.large, 1)
    one = server.peak()
    server.forget_peak()
    load.together(server, load.large, 4, 12)
    return warm, one, server.peak(), server.memory()


def _sendgrid(vendor: Stub, rounds: Rounds) -> Iterator[Row]:
    for name, large, each, goal in (("1 KB", False, rounds.cpu_each, 0.45), ("7 MB", True, 1, 0.25)):
        ours, stock, opened = sendgrid_leg.measure(vendor, large=large, rounds=rounds.cpu, each=each)
        title = f"SendGrid leg, {name}: CPU (peer: the stock package)"
        yield Row("G9", title, median(ours), median(stock), _paired(ours, stock), goal, unit="ms")
        mails = rounds.cpu * each
        yield Row("G9", f"connections for {mails} mails, {name}", opened, None, None, 1, judged="value")


def _cpu(
    pair: Pair, make: Callable[[Server], load.Request], rounds: int, each: int
) -> tuple[float, float, float]:
    """Return CPU ms per request of both, and the median of the rounds' ratios."""
    spent: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for place in _order(number):
            before = pair[place].cpu()
            load.one_by_one(pair[place], make, each)
            spent[place].append((pair[place].cpu() - before) / each * 1000)
    return median(spent[0]), median(spent[1]), _paired(*spent)


def _paired(ours: list[float], theirs: list[float]) -> float:
    return median(one / other for one, other in zip(ours, theirs, strict=True))


def _order(number: int) -> tuple[int, int]:
    return (0, 1) if number % 2 else (1, 0)


@contextmanager
def _pair(database: str, vendor: Stub, folder: Path) -> Iterator[Pair]:
    folder.mkdir()
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
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
