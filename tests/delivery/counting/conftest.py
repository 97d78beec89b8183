"""Processes that count in a folder of the test's own."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.paths import ROOT

_PROGRAM = """
import sys
from django.conf import settings
settings.configure(GOMAIL_METRICS_DIR=sys.argv[2])
from delivery.counting import counters, slots
counters.accepted(["normal"] * int(sys.argv[1]), 0.004)
print(slots.mine(), flush=True)
sys.stdin.read()
"""
Counting = Callable[[int], "subprocess.Popen[str]"]


@pytest.fixture
def folder(settings: object, tmp_path: Path) -> Path:
    """Read what is counted from here."""
    settings.GOMAIL_METRICS_DIR = str(tmp_path / "metrics")  # type: ignore[attr-defined]
    return tmp_path / "metrics"


@pytest.fixture
def counting(folder: Path) -> Counting:
    """Start a process that has counted so many emails, and lives until it is killed."""

    def start(emails: int) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", _PROGRAM, str(emails), str(folder)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)

    return start
