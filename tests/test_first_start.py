"""`make run` on a machine that has nothing, in a copy of the project: what it says, and how it ends."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import migrated
from tests.paths import ROOT
from tests.servers import SOON, free_port

pytestmark = pytest.mark.processes
PACKAGES = ("api", "delivery", "gomail", "providers")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of the code, with a database whose tables are made, to which it may write its `.env`."""
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "manage.py", tmp_path)
    (tmp_path / "db.sqlite3").write_bytes(migrated.database())
    return tmp_path


@pytest.fixture
def started(project: Path) -> Iterator[Path]:
    """Start it as `make run` does; yield the file of what it prints."""
    told = project / "told"
    variables = os.environ | {
        "DATABASE_URL": "",
        "DJANGO_DEBUG": "true",
        "API_KEY_REQUIRED": "false",
        "GOMAIL_PROVIDERS": "",
        "GOMAIL_METRICS_DIR": str(project / "metrics"),
        "PORT": str(free_port()),
    }
    command = [sys.executable, "manage.py", "develop"]
    with (
        told.open("wb") as out,
        subprocess.Popen(command, cwd=project, env=variables, stdout=out, stderr=out) as run,
    ):
        yield told
        run.send_signal(signal.SIGTERM)
        assert run.wait(SOON) is not None


def test_each_warning_is_printed_once(started: Path) -> None:
    until = time.monotonic() + SOON
    while "The delivery worker is running." not in (told := started.read_text()) or "Ctrl-C" not in told:
        assert time.monotonic() < until, told
        time.sleep(0.1)
    warnings = [line for line in told.splitlines() if "gomail.W001" in line]
    assert sorted("sendgrid" in line for line in warnings) == [False, True], told
    assert told.count("System check identified") == 1
