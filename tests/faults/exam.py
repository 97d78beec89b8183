"""Plays trials, two at a time, and says what each has shown."""

import itertools
import re
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import again, checks, processes, promises, report, trial, vendors
from tests.faults.evidence import Evidence
from tests.faults.installation import Databases
from tests.faults.processes import LeftOut
from tests.faults.trial import Trial

UNPLAYED = "the trial could not be played to its end"
_AT_A_TIME = 2
_numbers = itertools.count()


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One trial, played and judged."""

    trial: Trial
    broken: list[str] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)
    evidence: Evidence | None = None
    left_out: str = ""


def examined(table: Sequence[Trial], seed: int, databases: Databases, folder: Path) -> list[Verdict]:
    """Play the trials that this kind of database is for."""
    kind = "SQLite" if databases.are_files else "PostgreSQL"
    fitting = [one for one in table if kind in one.on]
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        try:
            return list(pool.map(lambda one: _verdict(one, seed, databases, folder), fitting))
        except BaseException:
            processes.kill_all()
            raise


def once_more(verdicts: list[Verdict], seed: int, databases: Databases, folder: Path) -> list[Verdict]:
    """Play again, alone, the few that broke; see tests.faults.again."""
    return again.once_more(
        verdicts,
        lambda verdict: _verdict(verdict.trial, seed, databases, folder),
        broke=_faults,
        grave=lambda verdict: verdict.evidence is not None and again.grave(verdict.evidence),
        said=lambda verdict: f"{verdict.trial.says}: {'; '.join(_faults(verdict))}",
    )


def _verdict(one: Trial, seed: int, databases: Databases, folder: Path) -> Verdict:
    started = time.monotonic()
    found = _played(one, seed, databases, folder / f"trial-{next(_numbers)}-{one.name}")
    said = f"LEFT OUT, {found.left_out}" if found.left_out else "; ".join(found.broken) or "all promises kept"
    figures = ", ".join(f"{name} {value}" for name, value in found.figures.items())
    print(f"{time.monotonic() - started:6.1f} s  {one.says}: {figures}; {said}", flush=True)
    return found


def _played(one: Trial, seed: int, databases: Databases, folder: Path) -> Verdict:
    try:
        with vendors.stubbed(seed) as stubs:
            scene, evidence = trial.played(one, seed, databases, stubs, folder)
    except LeftOut as reason:
        return Verdict(trial=one, left_out=str(reason))
    except processes.Ended:
        raise
    except Exception as error:
        processes.go_on()  # what breaks because the run is being ended is no finding
        traceback.print_exc()
        return Verdict(trial=one, broken=[f"{UNPLAYED}: {error!r}"])
    return Verdict(trial=one, broken=scene.broken, figures=scene.figures, evidence=evidence)


def kept(verdicts: Iterable[Verdict]) -> bool:
    """Print all that was seen as one table, and what is broken; tell whether every promise was kept."""
    verdicts = list(verdicts)
    report.table(_HEAD, [_row(one) for one in verdicts])
    for one in verdicts:
        for sentence in _faults(one):
            print(f"BROKEN {one.trial.name}: {sentence}")
            _tell(one.evidence, sentence)
        if one.left_out:
            print(f"LEFT OUT {one.trial.name}: {one.left_out}")
    return not any(_faults(one) for one in verdicts)


def _tell(evidence: Evidence | None, sentence: str) -> None:
    """Print the life of the first email, or of the first order, that a sentence names."""
    email, order = re.search(r"[0-9a-f-]{36}", sentence), re.search(r"order-\d+", sentence)
    if evidence and email:
        print("\n".join(f"  {line}" for line in promises.life(evidence, email[0])))
    elif evidence and order:
        print("\n".join(f"  {line}" for line in promises.course(evidence, order[0])))


def caught(verdicts: Iterable[Verdict]) -> bool:
    """Print which check has seen which defect; tell whether all were seen."""
    found = [(v.trial, [s for s in v.broken if not s.startswith(UNPLAYED)]) for v in verdicts]
    for one, seen in found:
        print(f"{'caught' if seen else 'NOT SEEN'}  {one.name}: {'; '.join(seen)}")
    return all(seen for _, seen in found)


def _faults(one: Verdict) -> list[str]:
    small = trial.too_small(one.trial, one.evidence) if one.evidence else []
    return [*one.broken, *small]


Count = Callable[[Evidence], int]
_COLUMNS: tuple[tuple[str, Count], ...] = (
    ("emails", lambda e: len(e.record.emails)),
    ("kills", lambda e: e.kills),
    ("lost", lambda e: len(checks.lost(e))),
    ("dup", lambda e: len(checks.duplicates(e, marked=False))),
    ("marked", lambda e: len(checks.duplicates(e, marked=True))),
    ("stop×2", lambda e: len(promises.after_doubt(e))),
    ("stuck", lambda e: e.waiting + len(promises.open_attempts(e))),
    ("keys", lambda e: len(promises.two_answers(e)) + len(promises.two_emails(e))),
    ("unknown", lambda e: sum(email.status == "unknown" for email in e.record.emails.values())),
    ("quarantine", lambda e: len(promises.quarantined(e))),
    ("no answer", lambda e: promises.answered(e, 0)),
    ("500", lambda e: promises.answered(e, 500)),
    ("503", lambda e: promises.answered(e, 503)),
    ("locked", lambda e: e.logged("database is locked")),
)
_HEAD = ["trial", *(name for name, _ in _COLUMNS), "figures"]


def _row(one: Verdict) -> list[str]:
    numbers = [str(count(one.evidence)) if one.evidence else "-" for _, count in _COLUMNS]
    figures = ", ".join(f"{name} {value}" for name, value in one.figures.items() if name not in _LONG)
    return [one.trial.says, *numbers, "LEFT OUT" if one.left_out else figures]


_LONG = {"kills", "at points"}
