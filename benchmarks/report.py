"""The table of results."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measurement, and the goal it is held against."""

    goal: str
    name: str
    value: float
    peer: float | None
    ratio: float | None
    limit: float | None  # None: told for information
    unit: str = ""
    judged: str = "ratio"  # or "value"
    least: bool = False  # the limit is a lower one

    @property
    def met(self) -> str:
        if self.limit is None:
            return ""
        measured = (self.ratio if self.judged == "ratio" else self.value) or 0.0
        return "yes" if (measured >= self.limit if self.least else measured <= self.limit) else "**no**"

    @property
    def wanted(self) -> str:
        if self.limit is None:
            return ""
        unit = f" {self.unit}" if self.judged == "value" and self.unit else " ×" if self.unit else ""
        return f"{'≥' if self.least else '≤'} {_short(self.limit)}{unit}"


def table(
    rows: Iterable[Row], *, command: str, machine: str, seconds: float, notes: Sequence[str] = ()
) -> str:
    """Return the whole report as Markdown."""
    lines = [
        "# Results",
        "",
        f"`{command}`, {seconds / 60:.1f} minutes, {machine}; one gunicorn worker with 32 threads each.",
        "",
        "Peer b (`benchmarks/peer`) is what a good engineer writes in an afternoon, served in the same way",
        "against the same stub. CPU is what the server's process uses per request. Machines are noisy and",
        "differ: **only ratios count**, taken in alternated rounds of one run; median of the rounds' ratios.",
        "",
        "| # | measured | GoMail | peer | ratio | goal | met |",
        "|---|---|---:|---:|---:|---|---|",
        *(_line(row) for row in rows),
        *(f"\n{note}" for note in notes),
    ]
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    unit = f" {row.unit}" if row.unit else ""
    peer = "" if row.peer is None else f"{_short(row.peer)}{unit}"
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    value = f"{_short(row.value)}{unit}"
    return f"| {row.goal} | {row.name} | {value} | {peer} | {ratio} | {row.wanted} | {row.met} |"


def _short(number: float) -> str:
    return (
        f"{number:.0f}"
        if number >= 100 or number == int(number)
        else f"{number:.1f}"
        if number >= 10
        else f"{number:.2f}"
    )
