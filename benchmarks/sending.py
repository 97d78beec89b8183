"""G1 to G3: one small email, sent while the client waits."""

from collections.abc import Iterator
from statistics import median

from benchmarks import load
from benchmarks.report import Row
from benchmarks.rounds import Pair, Rounds, cpu, order, paired
from benchmarks.servers import Stub


def measure(kind: str, pair: Pair, vendor: Stub, rounds: Rounds) -> Iterator[Row]:
    """Yield CPU, added latency, and how much of a provider's latency is hidden, on one kind of database."""
    value, peer, ratio = cpu(pair, load.small, rounds.cpu, rounds.cpu_each)
    yield Row("G1", f"1 KB JSON, {kind}: CPU", value, peer, ratio, 1.6, unit="ms")
    yield _latency(kind, pair, vendor, rounds)
    yield from _hidden(kind, pair, vendor, rounds)


def _latency(kind: str, pair: Pair, vendor: Stub, rounds: Rounds) -> Row:
    vendor.delay(50)
    added: list[list[float]] = [[], []]
    for number in range(rounds.latencies):
        for place in order(number):
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
        for place in order(number):
            for delay in (0, 50) if number % 2 else (50, 0):
                vendor.delay(delay)
                rate, failed = load.together(pair[place], load.small, 64, rounds.rate_each)
                rates.setdefault((place, delay), []).append(rate)
                failures += failed if place == 0 else 0
    vendor.delay(0)
    ours, theirs = ([paired(rates[place, 50], rates[place, 0])] for place in (0, 1))
    name = f"64 clients, rate at 50 ms / at 0 ms, {kind}"
    yield Row("G3", name, ours[0], theirs[0], ours[0], 0.85, judged="ratio", least=True)
    slow, fast = median(rates[0, 50]), median(rates[1, 50])
    yield Row("G3", f"64 clients at 50 ms, {kind}", slow, fast, slow / fast, None, unit="/s")
    errors = failures + pair[0].locked()
    yield Row("G3", f"64 clients, errors, {kind}", errors, None, None, 0, judged="value")
