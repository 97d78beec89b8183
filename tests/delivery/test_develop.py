"""What `make run` prepares for a machine that has nothing."""

import socket
from io import StringIO
from pathlib import Path

import pytest
from django.core.management.base import CommandError
from dotenv import dotenv_values

from delivery.management import development
from delivery.management.commands import develop
from tests.environment import NAMES


def test_the_key_of_unsubscribe_links_is_made_once_and_is_nobody_elses_to_read(tmp_path: Path) -> None:
    file = develop._kept_key(tmp_path / "data" / "link_keys")
    key = file.read_text()
    assert len(key.strip()) >= 32
    assert file.stat().st_mode & 0o777 == 0o600
    assert develop._kept_key(file).read_text() == key


def test_a_developers_settings_are_written_once_and_are_nobody_elses_to_read(tmp_path: Path) -> None:
    assert development.write(tmp_path, 8001)
    written = (tmp_path / ".env").read_text()
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert not development.write(tmp_path, 8002)
    assert (tmp_path / ".env").read_text() == written


def test_every_setting_of_a_developer_is_one_that_is_explained_and_safe(tmp_path: Path) -> None:
    written = {}
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        development.write(folder, 8001)
        written[folder.name] = dotenv_values(stream=StringIO((folder / ".env").read_text()))

    one, two = written["one"], written["two"]
    assert one.keys() <= set(NAMES)
    assert "API_KEY_REQUIRED" not in one  # `make run` alone does without, on the loopback interface
    secret = {"DJANGO_SECRET_KEY", "GOMAIL_LINK_KEYS", "GOMAIL_TOMBSTONE_KEYS"}
    assert {name for name in one if one[name] != two[name]} == secret
    assert all(len(one[name] or "") >= 32 for name in secret)


def test_the_keys_of_links_that_are_out_stay_in_force(tmp_path: Path) -> None:
    develop._kept_key(tmp_path / "data" / "link_keys").write_text("k" * 40)
    development.write(tmp_path, 8000)
    assert dotenv_values(tmp_path / ".env")["GOMAIL_LINK_KEYS"] == "k" * 40


@pytest.mark.parametrize("port", ["abc", "0", "65536", "80 80", "-1", "8e3", "٨٠"])
def test_what_is_no_port_is_said_so(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(CommandError, match="write a port"):
        develop._free_port()


def test_a_port_that_is_taken_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("PORT", str(taken.getsockname()[1]))
        with pytest.raises(CommandError, match="is taken"):
            develop._free_port()
