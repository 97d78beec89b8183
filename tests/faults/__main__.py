"""A real GoMail while its first provider has a bad day: python -m tests.faults [--quick] [--only NAME] …"""

import argparse
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import fmean

from tests import environment  # noqa: F401 - before any child reads it: no key of the developer's .env
from tests.faults import checks, processes, report, scenarios, vendors
from tests.faults.installation import Databases
from tests.faults.report import Result
from tests.faults.scenarios import ALONE, FULL, QUICK, Scenario, Setting


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the scenarios; return 1 when a promise is broken."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every child is ended, too
    chosen = _parser().parse_args(arguments)
    seed = chosen.seed if chosen.seed is not None else random.randrange(1_000_000)
    setting = Setting(
        emails=chosen.emails or (120 if chosen.quick else 1000), clients=chosen.clients, seed=seed
    )
    kind = "PostgreSQL" if chosen.database_url else "SQLite"
    print(f"{kind}, {setting.emails} emails from {setting.clients} clients each, --seed {seed}", flush=True)
    table = [day for day in (QUICK if chosen.quick else FULL) if not chosen.only or day.name in chosen.only]
    at_once = 2 if chosen.quick else 1  # what is quick measures no throughput
    results = _judged(_played(_with_alone(table), setting, chosen.database_url, at_once))
    report.show(results)
    return int(any(result.broken for result in results))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few scenarios, few emails")
    parser.add_argument("--emails", type=int, default=0)
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--database-url", default="", help="a PostgreSQL server; else SQLite")
    parser.add_argument("--only", action="append", choices=sorted({day.name for day in (*FULL, *QUICK)}))
    parser.add_argument("--seed", type=int, help="of the choices that are the harness' own")
    return parser


def _with_alone(table: Sequence[Scenario]) -> Iterator[Scenario]:
    """Measure the second provider alone before and after every two scenarios whose throughput has a goal."""
    rest = iter(table)
    while pair := list(islice(rest, 2)):
        if any(day.judged for day in pair):
            yield ALONE
        yield from pair
    if any(day.judged for day in table):
        yield ALONE


def _played(table: Iterator[Scenario], setting: Setting, server: str, at_once: int) -> list[Result]:
    with tempfile.TemporaryDirectory(prefix="gomail-faults-") as name, ThreadPoolExecutor(at_once) as pool:
        databases = Databases(server, Path(name))
        try:
            return list(pool.map(lambda day: _play(*day, setting, databases, Path(name)), enumerate(table)))
        except BaseException:
            processes.kill_all()
            raise
        finally:
            databases.close()


def _play(number: int, scenario: Scenario, setting: Setting, databases: Databases, folder: Path) -> Result:
    started, folder = time.monotonic(), folder / f"{number}-{scenario.name}"
    with databases.fresh() as url, vendors.stubbed() as stubs:
        stage, evidence = scenarios.played(scenario, setting, url, stubs, folder)
    broken = checks.broken(evidence, scenario.expected)
    if scenario.play is scenarios.recovery:
        broken += report.not_back(stage, evidence)
    result = Result(scenario=scenario, stage=stage, evidence=evidence, broken=broken)
    verdict = "; ".join(broken) or "all promises kept"
    print(
        f"{time.monotonic() - started:6.1f} s  {scenario.says}: {result.whole:.0f}/s, {verdict}", flush=True
    )
    return result


def _judged(results: list[Result]) -> list[Result]:
    """Compare each throughput with those of the second provider alone that were measured next before and after."""
    judged = []
    for number, result in enumerate(results):
        before = [one.whole for one in results[:number] if one.scenario is ALONE][-1:]
        after = [one.whole for one in results[number + 1 :] if one.scenario is ALONE][:1]
        baseline = fmean(before + after) if before + after else 0.0
        broken = [*result.broken, *report.too_slow(result, baseline)]
        judged.append(replace(result, baseline=baseline, broken=broken))
    return judged


if __name__ == "__main__":
    sys.exit(main())
