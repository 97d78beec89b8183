"""What every new connection says and hears, and what becomes of a file that was replaced."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from delivery import checks
from delivery.db import durability, session
from delivery.models import Email
from delivery.recovery import watch
from tests import fakes

postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has its PRAGMA for it")
sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL has no file of ours")


@pytest.fixture
def careless(transactional_db: None) -> Iterator[None]:
    """A server whose default answers a commit before it is on disk."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER ROLE CURRENT_USER SET synchronous_commit = off")
    connection.close()
    yield
    with connection.cursor() as cursor:
        cursor.execute("ALTER ROLE CURRENT_USER RESET synchronous_commit")
    connection.close()


def shown(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return str(cursor.fetchone()[0])


@postgresql
@pytest.mark.usefixtures("careless")
def test_a_commit_is_on_disk_whatever_the_server_has_by_default() -> None:
    assert shown("synchronous_commit") == "on"
    assert durability.set_by_us_alone() == ["synchronous_commit"]
    assert [found.id for found in checks.durability(databases=["default"])] == ["gomail.W005"]


@postgresql
@pytest.mark.usefixtures("careless")
def test_a_session_that_a_pooler_gives_us_is_seen_to_forget() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
    assert durability.lacking() == ["synchronous_commit"]
    (warning,) = checks.durability(databases=["default"])
    assert (warning.id, "ALTER ROLE" in str(warning.hint)) == ("gomail.W004", True)


@postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("chosen", ["on", "local", "remote_write", "remote_apply"])
def test_another_choice_is_left_alone(chosen: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET synchronous_commit = {chosen}")
        session.prepare(connection)
        assert shown("synchronous_commit") == chosen


@pytest.mark.django_db
def test_the_suites_own_database_is_as_it_should_be() -> None:
    assert durability.lacking() == []
    assert checks.durability(databases=["default"]) == []


def test_check_asks_no_database_unless_told_which() -> None:
    assert checks.durability() == []  # the test has no right to the database


@pytest.fixture
def replaced(db: None, monkeypatch: Any) -> list[int]:
    """Let the file be another one than this process has opened; return the signals that it sends itself."""
    sent: list[int] = []
    monkeypatch.setitem(session._first, str(connection.settings_dict["NAME"]), (0, 0))
    monkeypatch.setattr(watch.os, "kill", lambda pid, number: sent.append(number))
    return sent


@sqlite
def test_a_process_whose_file_was_replaced_says_so_and_ends(replaced: list[int], caplog: Any) -> None:
    with pytest.raises(session.Replaced):
        watch.look()
    assert replaced == [signal.SIGTERM]
    assert "was replaced while this process had it open" in caplog.text


@sqlite
@pytest.mark.usefixtures("replaced")
def test_nothing_is_acknowledged_into_a_file_that_was_replaced(api: fakes.Api, providers: None) -> None:
    assert api.send(subject="Hello", body="Hi").status_code == 503
    assert Email.objects.count() == 0


@sqlite
@pytest.mark.django_db
def test_a_file_that_is_taken_away_is_replaced_by_nothing(monkeypatch: Any) -> None:
    session.refuse_a_replaced_file()
    monkeypatch.setattr(session, "_identity", lambda _: None)
    monkeypatch.setitem(session._first, str(connection.settings_dict["NAME"]), (1, 1))
    with pytest.raises(session.Replaced):
        session.refuse_a_replaced_file()
