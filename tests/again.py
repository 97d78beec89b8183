"""Failures of the runs of `make test`, once more and alone: is it the code, or the company it was tested in?

Seven runs share two processors, and some tests wait for real processes. TEST_FAILURES=FOLDER has every run of pytest
write down what failed; python -m tests.again FOLDER RUNS runs that once more, alone, when there is little of it and
every run came to its end. What passes then is named as unsteady, a defect of the test to be mended; the rest is red.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

MOST = 10  # tests of nineteen thousand; more are no accident
_ENDED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)


class Run(NamedTuple):
    """How one run of pytest ended."""

    database: str
    status: int
    failed: list[str]


class Failures:
    """Remembers which tests failed, and writes it down when the run ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and report.nodeid not in self._failed:
            self._failed.append(report.nodeid)

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        from django.db import connection  # not before the settings are there

        self._folder.mkdir(parents=True, exist_ok=True)
        run = Run(connection.display_name, int(exitstatus), self._failed)
        (self._folder / f"{os.getpid()}.json").write_text(json.dumps(run))


def pytest_configure(config: pytest.Config) -> None:
    """Write down only where a folder is named for it."""
    if folder := os.environ.get("TEST_FAILURES"):
        config.pluginmanager.register(Failures(Path(folder).absolute()))


def read(folder: Path) -> list[Run]:
    """Return how every run ended."""
    return [Run(*json.loads(path.read_text())) for path in sorted(folder.glob("*.json"))]


def may_be_run_again(runs: list[Run], *, expected: int) -> bool:
    """Tell whether every run came to its end, and a few tests failed in them."""
    failed = sum(len(run.failed) for run in runs)
    return len(runs) == expected and all(run.status in _ENDED for run in runs) and 0 < failed <= MOST


def main(folder: Path, expected: int) -> int:
    """Run again what failed, and say what that means; return the exit status."""
    runs = read(folder)
    if not may_be_run_again(runs, expected=expected):
        return 1
    unsteady = [test for run in runs if run.failed for test in _again(run)]
    failed = sum(len(run.failed) for run in runs)
    print(*(f"UNSTEADY, passed only alone: {test}" for test in unsteady), sep="\n", flush=True)
    return 0 if len(unsteady) == failed else 1


def _again(run: Run) -> list[str]:
    """Return those that pass alone, each in a process of its own."""
    print(f"Once more, alone, on {run.database}:", *run.failed, sep="\n  ", flush=True)
    server = [sys.executable, "-m", "tests.on_postgres"] if run.database == "PostgreSQL" else []
    command = [*server, sys.executable, "-m", "pytest", "-q"]
    return [test for test in run.failed if subprocess.run([*command, test], check=False).returncode == 0]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
