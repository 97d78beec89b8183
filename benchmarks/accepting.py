"""G4 and the first half of G11: emails that are written down for a worker, one by one and by the thousand."""

from collections.abc import Iterator
from statistics import median

from benchmarks import draining, load, servers
from benchmarks.report import Row
from benchmarks.rounds import Pair, Rounds, cpu
from benchmarks.servers import Server, Stub

_EVERY = 0.05  # seconds between two requests: far below what the worker beside hands over


def measure(kind: str, pair: Pair, vendor: Stub, rounds: Rounds) -> Iterator[Row]:
    """Yield what `Prefer: respond-async` costs beside b's whole job, and whether a slow provider is felt."""
    value, peer, ratio = cpu(pair, load.later, rounds.cpu, rounds.cpu_each)
    yield Row("G4", f"respond-async, 1 KB JSON, {kind}: CPU", value, peer, ratio, 0.8, unit="ms")
    yield _latency(kind, pair[0], vendor, rounds)


def bulk(kind: str, server: Server, rounds: Rounds) -> Iterator[Row]:
    """Yield how many emails are written down in a second."""
    number = rounds.accept_each
    seconds = [_seconds(server, number) for _ in range(rounds.accepts)]
    limit = 5000 if kind == "PostgreSQL" else None
    name = f"bulk accept, {kind}"
    yield Row("G11", name, number / median(seconds), None, None, limit, unit="/s", judged="value", least=True)
    times = load.one_by_one(server, load.batch, rounds.accepts)
    yield Row(
        "G11",
        f"the same over HTTP, batches/ of 1,000, {kind}",
        1000 / median(times),
        None,
        None,
        None,
        unit="/s",
    )


def _latency(kind: str, server: Server, vendor: Stub, rounds: Rounds) -> Row:
    """Compare the answer's time while a worker beside hands the emails to a slow and to a fast provider."""
    times: dict[int, list[float]] = {0: [], 50: []}
    with servers.process(server.site, *draining.WORKER):
        for number in range(rounds.latencies):
            for delay in (0, 50) if number % 2 else (50, 0):
                draining.wait(server.site)
                vendor.delay(delay)
                took = load.one_by_one(server, load.later, rounds.latency_each, every=_EVERY)
                times[delay].append(median(took) * 1000)
        draining.wait(server.site)
    vendor.delay(0)
    fast, slow = median(times[0]), median(times[50])
    name = f"respond-async, p50 at 50 ms provider (peer: own at 0 ms), a worker beside, {kind}"
    return Row("G4", name, slow, fast, slow / fast, 1.1, unit="ms")


def _seconds(server: Server, number: int) -> float:
    return float(servers.ask(server.site, "-m", "benchmarks.backlog", str(number)))
