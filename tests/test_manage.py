"""manage.py finds the Python that has what it needs, or says what to do."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Return a copy of what manage.py needs to begin."""
    shutil.copy(ROOT / "manage.py", tmp_path)
    (tmp_path / "delivery" / "files").mkdir(parents=True)
    for name in ("delivery/__init__.py", "delivery/files/__init__.py", "delivery/files/output.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def run(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run it by a Python without any package."""
    command = [sys.executable, "-S", "manage.py", "check", "--deploy"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


def test_without_its_packages_it_says_the_command_that_installs_them(bare: Path) -> None:
    told = run(bare)
    assert (told.returncode, told.stdout) == (1, "")
    assert "`make run`" in told.stderr
    assert "Traceback" not in told.stderr


def test_it_goes_on_in_the_virtual_environment_with_the_same_command(bare: Path) -> None:
    (bare / ".venv" / "bin").mkdir(parents=True)
    python = bare / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\necho "in .venv: $*"\n')
    python.chmod(0o755)
    assert run(bare).stdout == "in .venv: -S manage.py check --deploy\n"
