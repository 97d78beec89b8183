"""What a run has shown, as two tables: promises, and measures."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from tests.faults import checks
from tests.faults.evidence import Evidence
from tests.faults.scenarios import Scenario, Stage

_LAST = 15.0  # seconds of a run in which a provider that came back must carry the load again
_MOST_OF_IT = 0.9


@dataclass(frozen=True, kw_only=True)
class Result:
    """One scenario, played and judged."""

    scenario: Scenario
    stage: Stage
    evidence: Evidence
    broken: list[str]
    baseline: float = 0.0  # emails/s of the second provider alone, around it in time

    @property
    def whole(self) -> float:
        """Emails per second from the first request to the last answer."""
        burst = self.stage.burst
        return len(burst) / (max(a.ended for a in burst) - min(a.started for a in burst))

    @property
    def after(self) -> float | None:
        """The same of the emails that were sent after the circuit had opened.

        Without the last 2 %: the probe of a slow provider ends 20 s after all others, while nobody sends any more.
        """
        opened = self.evidence.opened_at
        ends = sorted(a.ended for a in self.stage.burst if opened and a.started >= opened)
        counted = ends[: max(1, round(len(ends) * 0.98))]
        return len(counted) / (counted[-1] - opened) if counted and opened else None

    @property
    def waits(self) -> list[float]:
        """Seconds from a client's answer `queued` or `unknown` until the email was sent."""
        known = self.evidence.record.emails
        kept = [a for a in self.evidence.answers if a.acknowledged and a.said != "sent" and a.id in known]
        ends = [(known[a.id].finished_at, a.ended) for a in kept if known[a.id].status == "sent"]
        return [end - begun for end, begun in ends if end]


def too_slow(result: Result, baseline: float) -> list[str]:
    """Return a sentence if the goal of the throughput is missed."""
    reached = {"whole": result.whole, "after": result.after}.get(result.scenario.judged)
    if result.scenario.judged and not reached:
        return ["no email was sent after the circuit had opened"]
    if not reached or not baseline or reached >= checks.GOAL * baseline:
        return []
    return [f"{reached:.0f} emails/s are {reached / baseline:.2f} of the second provider alone"]


def not_back(stage: Stage, evidence: Evidence) -> list[str]:
    """Return a sentence unless the first provider carries the load again at the end."""
    end = max(answer.ended for answer in stage.burst)
    last = [e.vendor == "ses" for e in evidence.ledger if e.accepted and end - _LAST < e.at <= end]
    if last and fmean(last) >= _MOST_OF_IT:
        return []
    return [f"the first provider carried {fmean(last or [0]):.0%} of the last emails only"]


def show(results: Sequence[Result]) -> None:
    """Print both tables, and what is broken."""
    table(_PROMISES, [_promises(result) for result in results])
    table(_MEASURES, [_measures(result) for result in results])
    for result in results:
        for sentence in result.broken:
            print(f"BROKEN {result.scenario.name}: {sentence}")
        if result.broken:
            print(f"  its circuits: {_story(result)}")


def _story(result: Result) -> str:
    """Return the changes of all circuits, in seconds since the first provider fell ill."""
    changes = result.evidence.record.changes
    told = [f"{c.provider} {c.state} at {c.at - result.stage.ill_at:.2f}" for c in changes]
    return ", ".join(told) or "unchanged"


_PROMISES = ["scenario", "emails", "lost", "dup", "marked", "stop×2", "not 2xx", "locked", "left"]
_PROMISES += ["calls 1st", "late", "latest s", "periods", "probes ≤"]
_MEASURES = [
    "scenario",
    "opened s",
    "emails/s",
    "ratio",
    "after/s",
    "ratio",
    "kept",
    "sent after s (median, max)",
]
_MEASURES += ["drained s", "tracebacks"]


def _promises(result: Result) -> list[str]:
    evidence, tried = result.evidence, result.evidence.tried
    numbers = [
        len(evidence.answers),
        len(checks.lost(evidence)),
        len(checks.duplicates(evidence, marked=False)),
        len(checks.duplicates(evidence, marked=True)),
        len(checks.sent_again(evidence)),
        sum(not answer.acknowledged for answer in evidence.answers),
        evidence.logged("database is locked"),
        evidence.waiting,
        evidence.calls("ses"),
        sum(len(one.late) for one in tried),
        f"{max((at for one in tried for at in one.late), default=0.0):.2f}",
        len(tried),
        max((one.probes for one in tried), default=0),
    ]
    return [result.scenario.says, *map(str, numbers)]


def _measures(result: Result) -> list[str]:
    opened, waits = result.evidence.opened_at, result.waits
    return [
        result.scenario.says,
        _number(opened and opened - result.stage.ill_at, 2),
        _number(result.whole),
        _ratio(result.whole, result.baseline),
        _number(result.after),
        _ratio(result.after, result.baseline),
        str(len(waits)),
        f"{median(waits):.1f}, {max(waits):.1f}" if waits else "-",
        _number(result.stage.drained),
        str(result.evidence.logged("Traceback")),
    ]


def _number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _ratio(value: float | None, baseline: float) -> str:
    return f"{value / baseline:.2f}" if value and baseline else "-"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    print()
    for row in (head, ["-" * width for width in widths], *rows):
        print(
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |",
            flush=True,
        )
