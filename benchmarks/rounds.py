"""How often everything is measured, in which order, and what is made of it."""

from collections.abc import Callable
from statistics import median

from benchmarks import load
from benchmarks.servers import Server

Pair = tuple[Server, Server]  # GoMail, peer b


class Rounds:
    """How often everything is measured."""

    def __init__(self, *, quick: bool) -> None:
        self.cpu, self.cpu_each = (3, 5) if quick else (25, 40)
        self.large, self.large_each = (2, 1) if quick else (25, 1)
        self.rates, self.rate_each = (1, 64) if quick else (3, 400)
        self.large_rates, self.large_rate_each = (1, 4) if quick else (3, 12)
        self.latencies, self.latency_each = (1, 5) if quick else (3, 40)
        self.drains, self.backlog = (1, 100) if quick else (3, 1000)
        self.accepts, self.accept_each = (1, 1000) if quick else (3, 5000)
        self.imports, self.import_each = (1, 5000) if quick else (3, 100_000)
        self.mailings, self.mailing_each = (1, 200) if quick else (3, 2_000)
        self.mailing_whole = 500 if quick else 100_000
        self.import_whole = 20_000 if quick else 1_000_000


def cpu(
    pair: Pair, make: Callable[[Server], load.Request], rounds: int, each: int
) -> tuple[float, float, float]:
    """Return CPU ms per request of both, and the median of the rounds' ratios."""
    spent: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for place in order(number):
            before = pair[place].cpu()
            load.one_by_one(pair[place], make, each)
            spent[place].append((pair[place].cpu() - before) / each * 1000)
    return median(spent[0]), median(spent[1]), paired(*spent)


def paired(ours: list[float], theirs: list[float]) -> float:
    """Return the median of the rounds' ratios."""
    return median(one / other for one, other in zip(ours, theirs, strict=True))


def order(number: int) -> tuple[int, int]:
    """Return who comes first in a round: each as often as the other."""
    return (0, 1) if number % 2 else (1, 0)
