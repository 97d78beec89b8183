"""An import whose processes are killed: what is there afterwards is what an undisturbed run leaves."""

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.servers import Installation, eventually

pytestmark = [pytest.mark.processes, pytest.mark.slow]
ROWS = 30_000
_FOUND = "SELECT email, first_name, data FROM delivery_contact ORDER BY email"
_REJECTS = 'SELECT line, "column", code, value FROM delivery_importreject ORDER BY line'
_COUNTS = "SELECT status, total, created, updated, unchanged, failed, duplicates FROM delivery_import"


class Place:
    """An installation, and what its database says."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.database = folder / "crash.sqlite3"
        self.gomail = Installation(folder, {"GOMAIL_PROVIDERS": "sandbox"})

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.database, timeout=20)) as opened:
            found = opened.execute(statement).fetchall()
            opened.commit()
        return found

    def everything(self) -> list[object]:
        members = self.ask("SELECT count(*), count(DISTINCT contact_id) FROM delivery_membership")
        return [self.ask(_FOUND), self.ask(_REJECTS), self.ask(_COUNTS), members]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "people.csv"
    file.write_text("email,first_name,city\n" + "".join(_rows()))
    return file


def _rows() -> Iterator[str]:
    for number in range(ROWS):
        if number % 100 == 0:
            yield f"nobody{number},X,Y\n"
        else:
            yield f"p{number % 20_000}@example.org,N{number},Wien\n"


def test_a_killed_import_is_finished_by_a_worker_and_leaves_what_an_undisturbed_one_leaves(
    tmp_path: Path, file: Path
) -> None:
    killed, whole = Place(tmp_path / "killed"), Place(tmp_path / "whole")
    arguments = ("manage.py", "import_contacts", str(file), "--group", "News")
    with killed.gomail.running(*arguments) as process:
        eventually(lambda: killed.ask("SELECT 1 FROM delivery_import WHERE position > 0"))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert killed.ask("SELECT status FROM delivery_import") == [("running",)]
    killed.ask("UPDATE delivery_import SET lease_until = '2026-01-01 00:00:00'")  # what a minute does
    with killed.gomail.running("manage.py", "worker"):
        whole.gomail.manage(*arguments[1:])
        eventually(lambda: killed.ask("SELECT 1 FROM delivery_import WHERE status = 'done'"))
    assert killed.everything() == whole.everything()
    assert whole.ask(_COUNTS) == [("done", ROWS, 19_800, 0, 0, 300, 9_900)]
