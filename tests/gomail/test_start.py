"""A server that cannot work does not start, and says what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.server import SOON, serving
from tests.paths import ROOT

pytestmark = pytest.mark.processes


def test_a_database_without_tables_is_refused_with_the_command_that_makes_them(tmp_path: Path) -> None:
    environment = os.environ | {"DATABASE_URL": f"sqlite:///{tmp_path / 'empty.sqlite3'}", "PORT": "1"}
    command = [sys.executable, "-m", "gunicorn", "--config", "python:gomail.gunicorn"]
    command += ["--bind", f"unix:{tmp_path / 'socket'}"]
    refused = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=2 * SOON
    )
    assert refused.returncode != 0
    assert "Run: manage.py migrate" in refused.stderr


def test_a_database_that_is_away_keeps_the_server_from_nothing_but_its_work(tmp_path: Path) -> None:
    with serving(tmp_path, tables=False, DATABASE_URL=f"sqlite:///{tmp_path / 'away' / 'x'}") as server:
        with server.connect() as connection:
            connection.sendall(b"GET /api/v1/email-service/error-codes/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"
        assert "The database cannot be reached" in server.log.read_text()


def test_what_a_killed_server_left_is_cleared_away_by_the_next(tmp_path: Path) -> None:
    left = tmp_path / "gomail-upload-x"
    left.touch()
    os.utime(left, (0, 0))
    with serving(tmp_path, TMPDIR=str(tmp_path)):
        assert not left.exists()
