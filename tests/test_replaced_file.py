"""An SQLite file that is replaced under running processes: each of them says so, and ends."""

from pathlib import Path

import pytest

from tests import fakes
from tests.servers import SOON, Installation, eventually, listening, stopped

pytestmark = pytest.mark.processes
SAID = "was replaced while this process had it open"


class House(Installation):
    """An installation whose database can be replaced."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        super().__init__(folder, variables)
        self.folder = folder
        self.file = folder / "crash.sqlite3"

    def replace(self) -> None:
        """Put a backup in place, as a person would who does not stop anything."""
        backup = self.file.with_name("backup")
        backup.write_bytes(self.file.read_bytes())
        backup.replace(self.file)
        for ending in ("-wal", "-shm"):
            self.file.with_name(self.file.name + ending).unlink(missing_ok=True)


@pytest.fixture
def house(tmp_path: Path, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor) -> House:
    return House(tmp_path, fakes.variables(ses, sendgrid))


def test_a_worker_says_so_and_ends(house: House) -> None:
    said = house.folder / "worker.log"
    worker = house.started("manage.py", "worker", output=said)
    try:
        eventually(lambda: list((house.folder / "journal").glob("*.mark")))  # it has looked
        house.replace()
        assert worker.wait(SOON) == 1
    finally:
        stopped(worker)
    assert [line for line in said.read_text().splitlines() if "CRITICAL" in line and SAID in line]
    assert f"CommandError: The SQLite file {house.file} {SAID}" in said.read_text()


@pytest.mark.slow
def test_a_server_s_process_says_so_and_another_one_serves_the_new_file(house: House) -> None:
    said = house.folder / "server.log"
    server = house.started("-m", "gunicorn", "--config", "python:gomail.gunicorn", output=said)
    try:
        eventually(lambda: listening(house.port))
        house.post("Before")
        house.replace()
        eventually(lambda: said.read_text().count("Booting worker with pid") == 2)
        assert [line for line in said.read_text().splitlines() if "CRITICAL" in line and SAID in line]
        house.post("After")
        assert "After" in [email["subject"] for email in house.emails()]
    finally:
        assert stopped(server) == 0
