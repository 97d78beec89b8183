"""G5 to G7: 7 MB as multipart/form-data, and the memory that it takes."""

from collections.abc import Iterator
from statistics import median

from benchmarks import load
from benchmarks.report import Row
from benchmarks.rounds import Pair, Rounds, cpu, order, paired
from benchmarks.servers import Server


def measure(pair: Pair, rounds: Rounds) -> Iterator[Row]:
    """Yield CPU and rate."""
    for server in pair:
        load.one_by_one(server, load.large, 1)
    value, peer, ratio = cpu(pair, load.large, rounds.large, rounds.large_each)
    yield Row("G5", "7 MB multipart: CPU", value, peer, ratio, 0.25, unit="ms")
    rates: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds.large_rates):
        for place in order(number):
            rates[place].append(load.together(pair[place], load.large, 4, rounds.large_rate_each)[0])
    ours, theirs = median(rates[0]), median(rates[1])
    yield Row("G5", "7 MB, 4 clients", ours, theirs, paired(*rates), 4, unit="/s", least=True)


def memory(pair: Pair) -> Iterator[Row]:
    """Yield the memory of servers that have just started."""
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
