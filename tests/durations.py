"""What took longest: a plugin of pytest that writes it down for each run, and a command that prints all runs' list.

TEST_DURATIONS=FOLDER has every run of pytest leave a file there; python -m tests.durations FOLDER reads them.
"""

import json
import os
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

LONGEST = 10


class Step(NamedTuple):
    """The set-up, the call or the teardown of one test."""

    seconds: float
    database: str
    phase: str
    test: str


class Durations:
    """Remembers how long every step took, and writes it down when the run ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._steps: list[Step] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        from django.db import connection  # not before the settings are there

        self._steps.append(Step(report.duration, connection.display_name, report.when, report.nodeid))

    def pytest_unconfigure(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / f"{os.getpid()}.json").write_text(json.dumps(self._steps))


def pytest_configure(config: pytest.Config) -> None:
    """Write down only where a folder is named for it."""
    if folder := os.environ.get("TEST_DURATIONS"):
        config.pluginmanager.register(Durations(Path(folder).absolute()))


def read(folder: Path) -> list[Step]:
    """Return the steps of every run, longest first."""
    runs = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    return sorted((Step(*step) for run in runs for step in run), reverse=True)


def lines(steps: list[Step]) -> list[str]:
    """Return the list as it is printed."""
    return [
        f"{step.seconds:6.1f} s  {step.database:10}  {step.phase:8}  {step.test}" for step in steps[:LONGEST]
    ]


if __name__ == "__main__":
    print("What took longest:", *lines(read(Path(sys.argv[1]))), sep="\n")
