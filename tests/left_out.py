"""What a run has left out, said where its end is read: a plugin of pytest that counts it, and a command that says it.

TEST_LEFT_OUT=FOLDER has every run of pytest leave a file there; python -m tests.left_out FOLDER reads them.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

_LINE = "=" * 100


class LeftOut:
    """Remembers which tests were not chosen, and writes it down when the run ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tests: list[str] = []

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        self._tests += [item.nodeid for item in items]

    def pytest_unconfigure(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / f"{os.getpid()}.json").write_text(json.dumps(self._tests))


def pytest_configure(config: pytest.Config) -> None:
    """Write down only where a folder is named for it."""
    if folder := os.environ.get("TEST_LEFT_OUT"):
        config.pluginmanager.register(LeftOut(Path(folder).absolute()))


def read(folder: Path) -> list[str]:
    """Return what each run has left out."""
    return [test for path in sorted(folder.glob("*.json")) for test in json.loads(path.read_text())]


def lines(tests: list[str]) -> list[str]:
    """Return what is said at the end; nothing where nothing was left out."""
    if not tests:
        return []
    files = len({test.partition("::")[0] for test in tests})
    said = f"NOT RUN: {len(tests)} slow tests of {files} files. `make test-slow` runs them, and .ci/run runs both."
    return [_LINE, said, _LINE]


if __name__ == "__main__":
    print(*lines(read(Path(sys.argv[1]))), sep="\n")
