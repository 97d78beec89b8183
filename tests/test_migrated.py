"""Runs that go on beside each other share one migrated database, and a run alone makes its own."""

import threading
from pathlib import Path

import pytest

from tests import migrated


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the run itself has made stays as it is."""
    monkeypatch.setattr(migrated, "database", migrated.database.__wrapped__)


def test_many_that_need_it_at_once_make_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    got: list[bytes] = []
    monkeypatch.setattr(migrated, "_made", lambda: made.append(1) or b"tables")
    threads = [
        threading.Thread(target=lambda: got.append(migrated._shared(tmp_path / "runs"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (made, got) == ([1], [b"tables"] * 8)


def test_what_a_run_before_did_not_finish_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_MIGRATED", str(tmp_path))
    monkeypatch.setattr(migrated, "_made", lambda: b"tables")
    (tmp_path / "part").write_bytes(b"tab")

    assert migrated.database() == b"tables"


def test_a_run_alone_leaves_nothing_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_MIGRATED", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(migrated, "_made", lambda: b"tables")

    assert (migrated.database(), list(tmp_path.iterdir())) == (b"tables", [])
