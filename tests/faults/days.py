"""Plays the first provider's bad days, and judges the throughput of each."""

import itertools
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import fmean

from tests.faults import again, checks, processes, report, scenarios, vendors
from tests.faults.installation import Databases
from tests.faults.report import Result
from tests.faults.scenarios import ALONE, Scenario, Setting


def kept(
    table: Sequence[Scenario], setting: Setting, databases: Databases, folder: Path, *, at_once: int
) -> bool:
    """Play the scenarios and show what they did; tell whether every promise was kept."""
    print(f"{setting.emails} emails from {setting.clients} clients each", flush=True)
    results = _judged(_played(_with_alone(table), setting, databases, folder, at_once))
    if at_once > 1:
        results = _again(results, setting, databases, folder)
    report.show(results)
    return not any(result.broken for result in results)


def _with_alone(table: Sequence[Scenario]) -> Iterator[Scenario]:
    """Measure the second provider alone before and after every two scenarios whose throughput has a goal."""
    rest = iter(table)
    while pair := list(islice(rest, 2)):
        if any(day.judged for day in pair):
            yield ALONE
        yield from pair
    if any(day.judged for day in table):
        yield ALONE


def _played(
    table: Iterator[Scenario], setting: Setting, databases: Databases, folder: Path, at_once: int
) -> list[Result]:
    with ThreadPoolExecutor(at_once) as pool:
        try:
            return list(pool.map(lambda day: _play(*day, setting, databases, folder), enumerate(table)))
        except BaseException:
            processes.kill_all()
            raise


def _again(results: list[Result], setting: Setting, databases: Databases, folder: Path) -> list[Result]:
    numbers = itertools.count(len(results))
    return again.once_more(
        results,
        lambda result: _play(next(numbers), result.scenario, setting, databases, folder),
        broke=lambda result: result.broken,
        grave=lambda result: again.grave(result.evidence),
        said=lambda result: f"{result.scenario.says}: {'; '.join(result.broken)}",
    )


def _play(number: int, scenario: Scenario, setting: Setting, databases: Databases, folder: Path) -> Result:
    started, folder = time.monotonic(), folder / f"{number}-{scenario.name}"
    with databases.fresh() as url, vendors.stubbed(setting.seed) as stubs:
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
