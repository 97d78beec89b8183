"""What `make run` prepares for a machine that has nothing."""

from pathlib import Path

from delivery.management.commands import develop


def test_the_key_of_unsubscribe_links_is_made_once_and_is_nobody_elses_to_read(tmp_path: Path) -> None:
    file = develop._kept_key(tmp_path / "data" / "link_keys")
    key = file.read_text()
    assert len(key.strip()) >= 32
    assert file.stat().st_mode & 0o777 == 0o600
    assert develop._kept_key(file).read_text() == key
