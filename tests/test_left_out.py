"""What `make test` leaves out is said at its end, with the verb that runs it; and that verb is a part of .ci/run."""

from pathlib import Path

import pytest

from tests import left_out
from tests.paths import ROOT


class Item:
    def __init__(self, nodeid: str) -> None:
        self.nodeid = nodeid


def test_what_every_run_left_out_is_counted_with_the_verb_that_runs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for process, tests in ((1, ("tests/a.py::x", "tests/a.py::y")), (2, ("tests/a.py::x", "tests/b.py::z"))):
        monkeypatch.setattr("os.getpid", lambda process=process: process)
        run = left_out.LeftOut(tmp_path / "runs")
        run.pytest_deselected([Item(test) for test in tests])  # type: ignore[list-item]
        run.pytest_unconfigure()

    said = "\n".join(left_out.lines(left_out.read(tmp_path / "runs")))
    assert "NOT RUN: 4 slow tests of 2 files. `make test-slow` runs them" in said


def test_nothing_is_said_where_nothing_was_left_out(tmp_path: Path) -> None:
    assert left_out.lines(left_out.read(tmp_path / "nothing")) == []


def test_what_one_verb_leaves_out_the_other_runs_and_ci_runs_both() -> None:
    makefile, steps = (ROOT / "Makefile").read_text(), (ROOT / ".ci" / "run").read_text().splitlines()
    assert "\t$(call RUNS,not slow," in makefile.partition("\ntest: ")[2].partition("\n\n")[0]
    assert "\t$(call RUNS,slow)" in makefile.partition("\ntest-slow: ")[2].partition("\n\n")[0]
    assert (
        steps.index("export GOMAIL_TEST_EVERYTHING=1")
        < steps.index("make test")
        < steps.index("make test-slow")
    )
