"""The full-text index of subjects: FTS5 with triggers on SQLite, GIN on PostgreSQL. See docs/decisions/."""

from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from delivery.models import Email

# An external-content index: it refers to delivery_email's rowid and holds no copy of the subjects.
_SQLITE = (
    """CREATE VIRTUAL TABLE delivery_subject USING fts5(
        subject, content='delivery_email', content_rowid='rowid', columnsize=0, tokenize='unicode61')""",
    """CREATE TRIGGER delivery_subject_added AFTER INSERT ON delivery_email BEGIN
        INSERT INTO delivery_subject(rowid, subject) VALUES (new.rowid, new.subject); END""",
    """CREATE TRIGGER delivery_subject_removed AFTER DELETE ON delivery_email BEGIN
        INSERT INTO delivery_subject(delivery_subject, rowid, subject) VALUES ('delete', old.rowid, old.subject);
        END""",
    """CREATE TRIGGER delivery_subject_changed AFTER UPDATE OF subject ON delivery_email
        WHEN old.subject IS NOT new.subject BEGIN
        INSERT INTO delivery_subject(delivery_subject, rowid, subject) VALUES ('delete', old.rowid, old.subject);
        INSERT INTO delivery_subject(rowid, subject) VALUES (new.rowid, new.subject); END""",
    "INSERT INTO delivery_subject(delivery_subject) VALUES ('rebuild')",
)
_SQLITE_DROP = (
    "DROP TRIGGER IF EXISTS delivery_subject_added",
    "DROP TRIGGER IF EXISTS delivery_subject_removed",
    "DROP TRIGGER IF EXISTS delivery_subject_changed",
    "DROP TABLE IF EXISTS delivery_subject",
)
_INDEXES = ("delivery_subject", "delivery_recipient_name", "delivery_email_metadata")  # see word_index, too
_PAGES = 256  # of the index that are merged in one transaction
# Punctuation becomes space: PostgreSQL would take `2026/11` and `a.b` for a path and a host, as one word each.
_PUNCTUATION = '!"#$&()*+,-./:;<=>?@[\\]^_`{|}~'
_SPACES = " " * len(_PUNCTUATION)
_VECTOR = (
    f"to_tsvector('simple', translate(left(delivery_email.subject, 1000), '{_PUNCTUATION}', '{_SPACES}'))"
)
_POSTGRESQL = (
    f"CREATE INDEX delivery_subject ON delivery_email USING gin ({_VECTOR.replace('delivery_email.', '')})",
)
_POSTGRESQL_DROP = ("DROP INDEX IF EXISTS delivery_subject",)


def create_index(apps: Any, schema_editor: Any) -> None:
    """Rebuild the index; a migration that rebuilds the table of emails on SQLite must end with this."""
    drop_index(apps, schema_editor)
    for statement in _SQLITE if schema_editor.connection.vendor == "sqlite" else _POSTGRESQL:
        schema_editor.execute(statement)


def drop_index(apps: Any, schema_editor: Any) -> None:
    """Drop the index and its triggers."""
    for statement in _SQLITE_DROP if schema_editor.connection.vendor == "sqlite" else _POSTGRESQL_DROP:
        schema_editor.execute(statement)


def containing(emails: QuerySet[Email], words: Sequence[str]) -> QuerySet[Email]:
    """Keep the emails whose subject has all these words, newest first; words are letters and digits only."""
    if not words:
        return emails.none()
    if connection.vendor == "sqlite":
        phrases = " ".join(f'"{word}"' for word in words)
        return emails.extra(
            tables=["delivery_subject"],
            where=["delivery_subject.rowid = delivery_email.rowid", "delivery_subject MATCH %s"],
            params=[phrases],
            order_by=["-delivery_subject.rowid"],
        )
    matches = f"{_VECTOR} @@ plainto_tsquery('simple', %s)"
    return emails.extra(where=[matches], params=[" ".join(words)]).order_by("-id")  # noqa: S610 - no text of a user


def forget_removed() -> None:
    """Merge away the words that are gone, of all indexes, in transactions so short that no sender waits for one.

    FTS5 marks what is deleted, and keeps its words until all parts of the index are merged into one.
    """
    if connection.vendor == "sqlite":
        for index in _INDEXES:
            _merge(index, -_PAGES)  # all parts, from the beginning
            while _merge(index, _PAGES):
                pass


def _merge(index: str, pages: int) -> bool:
    """Write about so many pages of the merged index; tell whether there was anything to do."""
    with connection.cursor() as cursor:
        before = _changes(cursor)
        merge = f"INSERT INTO {index}({index}, rank) VALUES ('merge', %s)"  # noqa: S608 - our own words
        cursor.execute(merge, [pages])
        return _changes(cursor) - before >= 2  # the statement itself counts as one


def _changes(cursor: Any) -> int:
    return int(cursor.execute("SELECT total_changes()").fetchone()[0])
