"""The list at the end of `make test` has the longest steps of all its runs."""

from pathlib import Path

import pytest

from tests import durations


def report(test: str, seconds: float) -> pytest.TestReport:
    return pytest.TestReport(
        test, (test, None, test), keywords={}, outcome="passed", longrepr=None, when="call", duration=seconds
    )


def test_the_longest_of_every_run_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for process, seconds in ((1, (0.5, 9.0)), (2, (7.0, 0.1))):
        monkeypatch.setattr("os.getpid", lambda process=process: process)
        run = durations.Durations(tmp_path / "runs")
        for each in seconds:
            run.pytest_runtest_logreport(report(f"test of {each} s", each))
        run.pytest_unconfigure()

    tests = [step.test for step in durations.read(tmp_path / "runs")]
    assert tests == ["test of 9.0 s", "test of 7.0 s", "test of 0.5 s", "test of 0.1 s"]


def test_ten_are_printed_with_seconds_and_database() -> None:
    steps = [durations.Step(12.34, "PostgreSQL", "setup", "tests/x.py::test_y")] * 11
    assert durations.lines(steps) == ["  12.3 s  PostgreSQL  setup     tests/x.py::test_y"] * 10


def test_runs_that_never_began_leave_an_empty_list(tmp_path: Path) -> None:
    assert durations.read(tmp_path / "nothing") == []
