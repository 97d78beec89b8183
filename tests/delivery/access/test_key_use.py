"""How often a key is used: counted to the last one in an orderly run, and seldom written."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from delivery import journal
from delivery.access import key_use, keys
from delivery.models import ApiKey, KeyDay
from gomail import start
from tests.delivery.access.crowds import at_once
from tests.fakes import Api

pytestmark = pytest.mark.django_db


@pytest.fixture
def key() -> ApiKey:
    """A key that has been used a moment ago."""
    made, _ = keys.issue("shop", scopes=["send"])
    key_use.note(made)
    return made


def counted() -> int:
    return sum(KeyDay.objects.values_list("requests", flat=True))


def test_within_a_minute_a_use_costs_no_statement(key: ApiKey) -> None:
    with CaptureQueriesContext(connection) as captured:
        for _ in range(100):
            key_use.note(key)
    assert len(captured) == 0
    assert counted() == 1


def test_threads_lose_no_use(transactional_db: None) -> None:
    made, _ = keys.issue("shop", scopes=["send"])

    def use(_: int) -> None:
        mine = ApiKey.objects.get(pk=made.pk)
        for _ in range(10):
            key_use.note(mine)

    at_once(use)
    key_use.write()
    assert counted() == 500


def test_each_day_is_counted_for_itself(key: ApiKey, monkeypatch: Any) -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    monkeypatch.setattr(key_use.clock, "now", lambda: tomorrow)
    key_use.note(key)
    key_use.write()
    assert [day.requests for day in key_use.days(key)] == [1, 1]


def test_what_cannot_be_written_is_not_forgotten(key: ApiKey, monkeypatch: Any) -> None:
    key_use.note(key)
    real = key_use._add
    monkeypatch.setattr(key_use, "_add", fail)
    with pytest.raises(DatabaseError):
        key_use.write()
    monkeypatch.setattr(key_use, "_add", real)
    key_use.write()
    assert counted() == 2


def fail(*_: Any) -> None:
    raise DatabaseError


def test_a_use_that_cannot_be_written_fails_no_request(
    api: Api, monkeypatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(key_use, "_STEP", timedelta())  # each use is due
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE delivery_keyday RENAME TO elsewhere")
        assert [api.get("me/").status_code for _ in range(3)] == [200, 200, 200]
        cursor.execute("ALTER TABLE elsewhere RENAME TO delivery_keyday")
    assert [record.levelname for record in caplog.records if record.name == key_use.__name__] == ["WARNING"]
    key_use.write()
    assert counted() == 3


def test_a_server_that_ends_writes_what_it_has_counted(transactional_db: None) -> None:
    made, _ = keys.issue("shop", scopes=["send"])
    for _ in range(3):
        key_use.note(made)
    start.clear_up()
    start._ended.clear()
    journal.close()
    assert counted() == 3
