"""What failed in company is run once more alone, and nothing red becomes green by it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests import again


def ended(folder: Path, *runs: again.Run) -> Path:
    folder.mkdir(exist_ok=True)
    for number, run in enumerate(runs):
        (folder / f"{number}.json").write_text(json.dumps(run))
    return folder


def made(tmp_path: Path, body: str) -> str:
    """Return a test with this body; it needs nothing of the suite."""
    path = tmp_path / "test_made.py"
    path.write_text(f"def test_it():\n    {body}\n")
    return f"{path}::test_it"


@pytest.mark.parametrize(("body", "status"), [("pass", 0), ("assert False", 1)])
def test_what_passes_alone_is_named_and_what_does_not_stays_red(
    tmp_path: Path, capfd: Any, body: str, status: int
) -> None:
    test = made(tmp_path, body)
    folder = ended(tmp_path / "runs", again.Run("SQLite", 1, [test]), again.Run("SQLite", 0, []))
    assert again.main(folder, 2) == status
    assert (f"UNSTEADY, passed only alone: {test}" in capfd.readouterr().out) is (status == 0)


@pytest.mark.parametrize(
    "runs",
    [
        [again.Run("SQLite", 1, ["a"])],  # the other one never came to its end
        [again.Run("SQLite", 1, ["a"]), again.Run("SQLite", 2, [])],  # stopped, or could not be read
        [again.Run("SQLite", 1, ["a"] * 6), again.Run("PostgreSQL", 1, ["b"] * 6)],  # no accident
        [again.Run("SQLite", 0, []), again.Run("SQLite", 0, [])],  # something else was red
    ],
)
def test_more_than_an_accident_is_red_at_once(tmp_path: Path, runs: list[again.Run]) -> None:
    assert again.main(ended(tmp_path / "runs", *runs), 2) == 1


def test_a_run_writes_down_what_failed_in_it(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    failures = again.Failures(tmp_path / "runs")
    for outcome in ("passed", "failed", "failed"):
        failures.pytest_runtest_logreport(
            pytest.TestReport(f"t {outcome}", ("t", None, "t"), {}, outcome, None, "call")  # type: ignore[arg-type]
        )
    failures.pytest_sessionfinish(1)
    assert [(run.status, run.failed) for run in again.read(tmp_path / "runs")] == [(1, ["t failed"])]
