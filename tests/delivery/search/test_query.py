"""What a person types finds the email, and nothing that can be typed is an error."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from delivery.models import Attempt, Email, Recipient, Tag, Team
from delivery.models.email import IN_TROUBLE
from delivery.search import domain_index, query, subject_index, word_index

pytestmark = pytest.mark.django_db


def written(subject: str = "", to: str = "ann@example.org", **fields: Any) -> Email:
    email = Email.objects.create(from_address="me@example.org", subject=subject, **fields)
    Recipient.objects.create(email=email, kind="to", address=to, canonical=to.lower())
    return email


def found(text: str, **filters: Any) -> list[str]:
    return [email.subject for email in query.by_text(Email.objects.filter(**filters), text)]


@pytest.mark.parametrize(
    "typed", ["invoice", "INVOICE", "november invoice", "2026", "4711", "Rechnung für", "für"]
)
def test_words_of_the_subject_find_it(typed: str) -> None:
    written("Your invoice/Rechnung für November: 2026-11, no. INV_4711")
    written("Something else")

    assert len(found(typed)) == 1


@pytest.mark.parametrize(
    "typed", ["invo", "invoice december", "voice", "…", "🎉", '"', "NOT", "nothing OR invoice"]
)
def test_all_words_must_be_there_and_whole(typed: str) -> None:
    written("Your invoice for November")

    assert found(typed) == []


@pytest.mark.parametrize(
    "typed", ["ann.lee@example.org", "ANN.LEE@example.org", "ann.lee@", "ann", " ann.l ", "ann.lee@exam"]
)
def test_the_beginning_of_an_address_finds_its_emails(typed: str) -> None:
    written("hers", to="Ann.Lee@example.org")
    written("his", to="bob@example.org")

    assert found(typed) == ["hers"]


def test_an_international_domain_is_found_as_it_is_written() -> None:
    written("hers", to="ann@xn--mnchen-3ya.example")

    assert found("ann@münchen.example") == ["hers"]


def test_an_id_finds_its_email_with_and_without_hyphens() -> None:
    email = written("this")
    written("that")

    assert found(str(email.pk)) == found(email.pk.hex) == found(str(email.pk).upper()) == ["this"]


def test_percent_and_underscore_stand_for_themselves() -> None:
    written("hers", to="ann@example.org")

    assert found("a%") == found("a_n") == found("%") == []


def test_the_newest_of_the_filtered_emails_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "NEWEST", 3)
    written("invoice", status="failed")
    for _ in range(5):
        written("invoice", status="sent")

    assert len(found("invoice")) == 3
    assert len(found("invoice", status="failed")) == 1


def test_another_teams_emails_are_not_found() -> None:
    ours, theirs = (Team.objects.create(name=name) for name in ("ours", "theirs"))
    email = written("secret invoice", team=theirs)

    for typed in ("secret", "ann@example.org", str(email.pk)):
        assert found(typed, team=ours) == []
        assert len(found(typed, team=theirs)) == 1


def test_many_matches_are_found_another_way_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        written(f"number {number}", to=f"ann{number}@example.org" if number % 2 else "bob@example.org")
    few = sorted(found("ann"))
    monkeypatch.setattr(query, "_MANY", 2)

    assert sorted(found("ann")) == few == ["number 1", "number 3", "number 5"]
    assert query.by_recipient(Email.objects.all(), "bob@example.org").count() == 3


def test_a_changed_subject_is_found_by_its_new_words_only() -> None:
    email = written("before")
    Email.objects.filter(pk=email.pk).update(subject="after", status="sent")

    assert (found("before"), found("after")) == ([], ["after"])


def test_a_deleted_email_leaves_nothing_in_the_index() -> None:
    written("one gone")
    Email.objects.filter(subject="one gone").delete()
    written("two")

    assert found("gone") == []
    _check_index()


def test_what_is_rolled_back_is_not_found() -> None:
    with transaction.atomic():
        written("undone")
        transaction.set_rollback(True)

    assert found("undone") == []


def test_a_subject_of_any_length_is_stored() -> None:
    written("long " * 500_000)

    assert len(found("long")) == 1


HOSTILE = [
    "",
    "   ",
    "\x00",
    "invoice\x00",
    "\ud800",
    '"',
    "'",
    "''; DROP TABLE delivery_email; --",
    '" OR subject MATCH "x',
    "subject : invoice",
    "^invoice",
    "NEAR(a b)",
    "a AND",
    "AND OR NOT",
    "a* b*",
    "-a +b",
    "{a}:b",
    "!a & (b | c):*",
    "<->",
    "%s %(x)s %%",
    "\\",
    "a\\",
    "x" * 10_240,
    "x " * 5_120,
    "@" * 10_240,
    '"' * 10_240,
    "a@" + "b." * 5_000,
    "ann@[127.0.0.1]",
    "\u202eevil",
    "é" * 10_000,
    "e\u0301",
    "²½Ⅷ",
    "हिन्दी",
    "中文 主題",
    "\U0001f389" * 3,
    "\uffff\U0010ffff",
    "{00000000-0000-0000-0000-000000000000}",
    "urn:uuid:00000000-0000-0000-0000-000000000000",
]


@pytest.mark.parametrize("typed", HOSTILE)
def test_nothing_that_can_be_typed_is_an_error(typed: str) -> None:
    written("Your invoice for November")

    found(typed)
    list(query.by_recipient(Email.objects.all(), typed))
    assert Email.objects.count() == 1


def _check_index() -> None:
    """SQLite compares the index with the table, and raises if a trigger has missed something."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO delivery_subject(delivery_subject, rank) VALUES ('integrity-check', 1)"
            )


@pytest.mark.skipif("connection.vendor != 'sqlite'")
def test_vacuum_keeps_the_index_true(tmp_path: Path) -> None:
    """The index counts on rowids. SQLite only promises to keep those of an INTEGER PRIMARY KEY, but keeps them."""
    copy, second = str(tmp_path / "copy.sqlite3"), str(tmp_path / "second.sqlite3")
    with closing(sqlite3.connect(copy, isolation_level=None)) as database:
        database.execute("CREATE TABLE delivery_email (id char(32) PRIMARY KEY, subject text)")
        for statement in subject_index._SQLITE:
            database.execute(statement)
        database.executemany(
            "INSERT INTO delivery_email VALUES (?, ?)", [(f"{n}", f"word{n}") for n in range(100)]
        )
        database.execute("DELETE FROM delivery_email WHERE id < '5'")
        database.execute("VACUUM")
        database.execute("VACUUM INTO ?", (second,))
    for path in (copy, second):
        with closing(sqlite3.connect(path)) as database:
            database.execute(
                "INSERT INTO delivery_subject(delivery_subject, rank) VALUES ('integrity-check', 1)"
            )
            query = (
                "SELECT id FROM delivery_email WHERE rowid IN (SELECT rowid FROM delivery_subject('word77'))"
            )
            assert database.execute(query).fetchall() == [("77",)]


@pytest.mark.parametrize("status", IN_TROUBLE)
def test_recipients_in_trouble_are_read_from_their_own_index(status: str) -> None:
    email = written("Hello")
    written("Another").recipients.update(status="delivered")
    email.recipients.update(status=status)
    those = query.by_recipient_status(Email.objects.all(), status)
    assert list(those) == [email]
    if connection.vendor == "sqlite":  # PostgreSQL reads a table of two rows whole
        assert "recipient_in_trouble" in those.explain()


# Each field.


SHOP: dict[str, Any] = {"metadata": {"order": "A-4711", "who": "Müller"}, "tags": ["receipt"]}


def known() -> Email:
    """Return an email that each of the questions below finds, beside another one."""
    email = written("Hello there", to="ann@mail.example.org", **SHOP)
    Recipient.objects.filter(email=email).update(name="Ann-Marie O'Neil")
    Recipient.objects.filter(email=email).update(name="Ann-Marie Lee")
    Email.objects.filter(pk=email.pk).update(from_address="Shop@Brand.example")
    Tag.objects.create(email=email, name="receipt")
    Attempt.objects.create(
        email=email, provider="ses", epoch=1, provider_message_id="0100018c-77ab", error="throttled"
    )
    written("Other", to="bob@example.net")
    return email


@pytest.mark.parametrize(
    "typed",
    [
        *("name:lee", "Ann-Marie", "name:marie lee", "@mail.example.org", "mail.example.org"),
        *("domain:mail.example.org", "to:ann@mail", 'to:"ann@mail.example.org"', "from:shop@brand.example"),
        *("shop@brand.example", "from:shop", "from:@brand.ex", "message:0100018c-77ab", "0100018c-77ab"),
        *("<0100018c-77ab>", "0100018c-77ab.recvd-5", "meta:a-4711", "A-4711", "meta:order=A-4711", "Müller"),
        *("tag:receipt", "receipt", "subject:hello", "Subject: hello there"),
    ],
)
def test_what_people_know_of_an_email_finds_it(typed: str) -> None:
    known()
    assert found(typed) == ["Hello there"]


@pytest.mark.parametrize(
    "typed",
    [
        *("name:neil", "name:lee marie", "name:hello", "domain:example.org", 'to:"ann@mail"', "from:bob"),
        *("from:@brand.example.org", "message:77ab", "meta:4712", "meta:receipt", "tag:rec", "subject:lee"),
        *("name:", "from:", "meta:", "message:", "domain:.", "order:1"),
    ],
)
def test_each_field_is_asked_alone_and_words_are_whole(typed: str) -> None:
    known()
    assert found(typed) == []


def test_an_attempts_id_finds_its_email() -> None:
    email = known()
    assert found(str(Attempt.objects.get(email=email).pk)) == ["Hello there"]


def test_what_was_changed_or_deleted_is_not_found() -> None:
    email = known()
    Email.objects.filter(pk=email.pk).update(metadata={})
    assert found("meta:4711") == []
    Email.objects.filter(pk=email.pk).update(metadata={"order": "new1"})
    assert found("meta:new1") == ["Hello there"]
    Attempt.objects.all().delete()
    Email.objects.filter(pk=email.pk).delete()
    assert found("meta:new1") == found("name:lee") == []


def test_every_index_of_the_search_is_there() -> None:
    """A migration that rebuilds a table on SQLite drops what Django does not know of."""
    catalog = "pg_indexes" if connection.vendor == "postgresql" else "sqlite_master"
    column = "indexname" if connection.vendor == "postgresql" else "name"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {catalog}")
        there = {name for (name,) in cursor.fetchall()}
    indexes = {"delivery_subject", domain_index.NAME, word_index.NAMES.name, word_index.METADATA.name}
    triggers = {
        f"{index.name}_{event}"
        for index in (word_index.NAMES, word_index.METADATA)
        for event in word_index.EVENTS
    }
    assert indexes | (triggers if connection.vendor == "sqlite" else set()) <= there


def test_attempts_find_their_emails_be_they_few_or_many(monkeypatch: Any) -> None:
    email = known()
    for many in (query._MANY, 1):
        monkeypatch.setattr(query, "_MANY", many)
        tried = query.tried(Email.objects.all(), Attempt.objects.filter(provider="ses"))
        failed = query.tried(Email.objects.all(), query.with_error("throttled"))
        assert [*tried, *failed] == [email, email]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite reads its index from the newest on")
def test_the_database_knows_which_words_of_names_and_metadata_are_common() -> None:
    for number in range(200):
        email = written(str(number), metadata={"from": "web", "order": f"order-{number}"})
        email.recipients.update(name=f"Ann Lee{number}")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE delivery_email")
        cursor.execute("ANALYZE delivery_recipient")

    def expected(search: Any, word: str) -> int:
        (plan,) = json.loads(search(Email.objects.all(), [word]).explain(format="json"))
        return int(plan["Plan"]["Plan Rows"])

    for search, common, rare in (
        (word_index.with_metadata, "web", "nothing"),
        (word_index.to_named, "ann", "nobody"),
    ):
        assert expected(search, common) > 150
        assert expected(search, rare) < 20
