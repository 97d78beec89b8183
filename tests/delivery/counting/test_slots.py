"""What a process has counted outlives it, and its files are the next one's."""

from pathlib import Path

import pytest
from prometheus_client.multiprocess import MultiProcessCollector

from delivery.counting import counters, slots
from tests.delivery.counting.conftest import Counting


def accepted() -> float:
    merged = MultiProcessCollector.merge(slots.files())  # type: ignore[no-untyped-call]
    samples = [sample for metric in merged for sample in metric.samples]
    return float(sum(one.value for one in samples if one.name == "gomail_emails_accepted_total"))


def test_killed_processes_stay_counted_and_the_next_one_takes_their_files(
    folder: Path, counting: Counting
) -> None:
    first, second = counting(3), counting(4)
    names = {process.stdout.readline().strip() for process in (first, second) if process.stdout}
    assert (names, accepted()) == ({"0", "1"}, 7)

    for process in (first, second):
        process.kill()
        process.communicate()
    assert accepted() == 7

    third = counting(10)
    assert third.stdout
    assert third.stdout.readline().strip() == "0"
    assert accepted() == 17
    third.kill()
    third.communicate()
    assert len(slots.files()) == 4


def test_a_file_that_a_crash_of_the_machine_has_damaged_is_begun_anew(folder: Path) -> None:
    folder.mkdir()
    broken = folder / "counter_0.db"
    broken.write_bytes(b"\x00\x02\x00\x00\x00\x00\x00\x00\xff\xff\xff\x0f" + b"x" * 600)
    assert slots.files() == []
    assert slots.mine() == "0"
    assert str(broken) in slots.files()
    slots.leave()


def test_files_are_written_whole_for_a_hole_in_one_on_a_full_disk_would_kill_the_process(
    folder: Path,
) -> None:
    slots.mine()
    sizes = {path.name: path.stat() for path in folder.glob("*.db")}
    assert all(stat.st_blocks * 512 >= stat.st_size for stat in sizes.values())
    assert {stat.st_mode & 0o777 for stat in sizes.values()} == {0o600}
    slots.leave()


@pytest.mark.usefixtures("folder")
def test_what_cannot_be_counted_stops_nobody_and_is_said_once(
    settings: object, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    settings.GOMAIL_METRICS_DIR = str(tmp_path / "file" / "metrics")  # type: ignore[attr-defined]
    monkeypatch.setattr(counters._Off, "until", float("-inf"))
    for _ in range(3):
        counters.accepted(["normal"], 0.1)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
