"""The audit: what it keeps, what it cuts, and that nobody changes it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Barrier, Thread
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from delivery.access import actor, audit
from delivery.access.actor import Actor
from delivery.models import AuditEntry, Team
from delivery.models.audit import AppendOnly

PERSON = Actor(kind="member", id="7", name="ada", address="192.0.2.1", request_id="r-1")


def recorded(**changes: Any) -> AuditEntry:
    """Record something in a transaction of its own, and return the entry."""
    given: dict[str, Any] = {"team": None, **changes}
    with transaction.atomic():
        audit.record("key.paused", "key", "abcdefgh", **given)
    return AuditEntry.objects.first()  # type: ignore[return-value]


def test_an_entry_says_who_did_what_from_where_and_in_which_request(db: None) -> None:
    team = Team.objects.create(name="shop")
    with actor.acting(PERSON):
        entry = recorded(team=team, before={"paused": False}, after={"paused": True})
    assert (entry.actor_kind, entry.actor_id, entry.actor_name) == ("member", "7", "ada")
    assert (entry.address, entry.request_id, entry.team) == ("192.0.2.1", "r-1", team)
    assert (entry.action, entry.object_kind, entry.object_id) == ("key.paused", "key", "abcdefgh")
    assert (entry.before, entry.after) == ({"paused": False}, {"paused": True})


def test_who_is_not_named_is_gomail_itself(db: None) -> None:
    entry = recorded()
    assert (entry.actor_kind, entry.actor_name, entry.address, entry.before) == ("system", "GoMail", "", None)


def test_who_acts_is_known_to_one_thread_and_forgotten_after_the_block() -> None:
    met, seen = Barrier(2, timeout=10), {}

    def work(name: str) -> None:
        with actor.acting(Actor(kind="key", id=name)):
            met.wait()
            with actor.acting(lambda: Actor(kind="key", id=f"{name} inside")):
                seen[name] = [actor.current().id]
            met.wait()
            seen[name].append(actor.current().id)
        seen[name].append(actor.current().kind)

    threads = [Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {name: [f"{name} inside", name, "system"] for name in ("a", "b")}
    assert actor.current() is actor.SYSTEM


@pytest.mark.django_db(transaction=True)
def test_nothing_is_recorded_outside_of_a_transaction() -> None:
    with pytest.raises(audit.OutsideTransaction):
        audit.record("key.paused", "key", "abcdefgh", team=None)
    assert not AuditEntry.objects.exists()


def fails_after_recording() -> None:
    with transaction.atomic():
        recorded()
        raise ZeroDivisionError


def test_what_is_undone_leaves_no_entry(db: None) -> None:
    with pytest.raises(ZeroDivisionError):
        fails_after_recording()
    with transaction.atomic():
        with pytest.raises(ZeroDivisionError):
            fails_after_recording()
        Team.objects.create(name="a caller that goes on")
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"secret": "abc", "previous_secret": ""}, {"secret": "***", "previous_secret": ""}),
        ({"digest": "f" * 64, "token": "t", "Password": "p"}, {"digest": "***", "token": "***", "Password": "***"}),
        ({"note": "it is gm_live_AbCdEfGh_0123456789_abcd1234!"}, {"note": "it is gm_live_AbCdEfGh_***!"}),
        ({"note": "whsec_dGhlIGtleQ==, he said"}, {"note": "whsec_***, he said"}),
        ({"deep": [{"secret": ["a"]}, "gm_live_AbCdEfGh_01"]}, {"deep": [{"secret": "***"}, "gm_live_AbCdEfGh_***"]}),
        ({"url": "https://u:p@example.org/hook?key=1#x"}, {"url": "https://example.org/hook?***"}),
        ({"url": "https://example.org:8443/hook"}, {"url": "https://example.org:8443/hook"}),
        ({"reason": "http://[ is no URL? No."}, {"reason": "http://[ is no URL? No."}),
        ({"tokens_left": 3, "has_secret": True}, {"tokens_left": 3, "has_secret": True}),
        ({"a": "\x00\ud800", "b": {1: None}}, {"a": "?", "b": {"1": None}}),
        ({"id": UUID(int=5)}, {"id": "00000000-0000-0000-0000-000000000005"}),
        ({"at": datetime(2026, 1, 2, tzinfo=UTC)}, {"at": "2026-01-02T00:00:00Z"}),
        ({"text": "x" * 1001}, {"text": "x" * 999 + "…"}),
        ({"list": list(range(2000))}, {"list": [*range(100), "and 1,900 more"]}),
        ({"set": {"one"}}, {"set": ["one"]}),
    ],
)  # fmt: skip
def test_values_are_kept_without_secrets_and_not_without_end(db: None, given: Any, kept: Any) -> None:
    entry = recorded(before=given, after={"inside": given})
    assert entry.before == kept
    assert entry.after == {"inside": kept}


def test_long_names_are_cut_and_stored(db: None) -> None:
    with actor.acting(
        Actor(kind="key", id="i" * 99, name="\x00n" * 300, address="a" * 99, request_id="r" * 99)
    ):
        entry = recorded()
    assert [len(entry.actor_id), len(entry.actor_name), len(entry.address), len(entry.request_id)] == [
        64,
        200,
        45,
        64,
    ]


def test_a_difference_names_what_changed() -> None:
    assert audit.difference({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}) == (
        {"b": 2, "c": None},
        {"b": 3, "c": 4},
    )


def test_the_models_refuse_to_change_an_entry(db: None) -> None:
    entry = recorded()
    rows = AuditEntry.objects.all()
    for attempt in (entry.save, entry.delete, rows.delete, lambda: rows.update(action="x")):
        with pytest.raises(AppendOnly):
            attempt()
    with pytest.raises(AppendOnly):
        rows.bulk_update([entry], ["action"])


@contextmanager
def refused() -> Iterator[Any]:
    """Yield a cursor whose statement the database must refuse, and for the right reason."""
    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        yield cursor


COLUMNS = [field.column for field in AuditEntry._meta.concrete_fields]
ID = "'00000000000000000000000000000001'"
NEW = {"id": ID, "at": "'2020-01-01'", "team_id": "5", "before": "'{}'", "after": "NULL"}


@pytest.mark.parametrize("column", COLUMNS)
def test_the_database_refuses_to_change_any_column(db: None, column: str) -> None:
    recorded(before={"a": 1}, after={"a": 2})
    with refused() as cursor:
        cursor.execute(f"UPDATE delivery_auditentry SET {column} = {NEW.get(column, repr('other'))}")


def test_the_database_refuses_to_delete_an_entry(db: None) -> None:
    recorded()
    with refused() as cursor:
        cursor.execute("DELETE FROM delivery_auditentry")
    with refused():
        AuditEntry.objects.all()._raw_delete("default")


def test_a_person_can_be_forgotten_and_nothing_else(db: None) -> None:
    recorded(before={"address": "ada@example.org"}, after={"address": "ada@example.org"})
    erased = json.dumps({"address": "erased:0123456789abcdef0123"})
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_auditentry SET before = %s, object_id = 'erased:0123'", [erased])
    with refused() as cursor:
        cursor.execute("UPDATE delivery_auditentry SET after = %s, action = 'erased:0123'", [erased])
    with refused() as cursor:
        cursor.execute("UPDATE delivery_auditentry SET before = NULL")
    entry = AuditEntry.objects.get()
    assert (entry.before, entry.object_id, entry.action) == (json.loads(erased), "erased:0123", "key.paused")


@pytest.mark.django_db(transaction=True)
def test_flush_empties_it_with_all_tables_and_the_guard_stands_again() -> None:
    recorded()
    call_command("flush", interactive=False, verbosity=0, inhibit_post_migrate=True)
    assert not AuditEntry.objects.exists()
    recorded()
    with refused() as cursor:
        cursor.execute("DELETE FROM delivery_auditentry")
