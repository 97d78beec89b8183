"""Full-text indexes beside that of subjects: of recipients' names, and of metadata; of rows that have any."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection
from django.db.models import QuerySet

from delivery.models import Email, Recipient

# Punctuation becomes space, as in subject_index.
_PUNCTUATION: Final = '!"#$&()*+,-./:;<=>?@[\\]^_`{|}~'
EVENTS: Final = ("added", "removed", "changed", "emptied", "filled")  # the triggers on SQLite


@dataclass(frozen=True, kw_only=True)
class WordIndex:
    """The words of one column of one table."""

    name: str
    table: str
    column: str
    empty: str  # as SQL: rows with it are left out

    def create(self, apps: Any, schema_editor: Any) -> None:
        """Build it anew; a migration that rebuilds the table on SQLite must end with this."""
        self.drop(apps, schema_editor)
        is_sqlite = schema_editor.connection.vendor == "sqlite"
        for statement in self._sqlite() if is_sqlite else [self._postgresql()]:
            schema_editor.execute(statement)

    def drop(self, apps: Any, schema_editor: Any) -> None:
        """Drop it."""
        if schema_editor.connection.vendor != "sqlite":
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {self.name}")
            return
        for event in EVENTS:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {self.name}_{event}")
        schema_editor.execute(f"DROP TABLE IF EXISTS {self.name}")

    def count(self, apps: Any, schema_editor: Any) -> None:
        """Let PostgreSQL know how common each word is: it reads a common one from the newest emails, and at once.

        From an index of a part of the rows it does not learn that, and sorted all emails with the word.
        """
        if schema_editor.connection.vendor == "postgresql":
            named = f"STATISTICS IF NOT EXISTS {self.name}_words"
            schema_editor.execute(f"CREATE {named} ON ({self._vector()}) FROM {self.table}")
            schema_editor.execute(f"ANALYZE {self.table}")

    def forget_counts(self, apps: Any, schema_editor: Any) -> None:
        """Drop what `count` has made."""
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP STATISTICS IF EXISTS {self.name}_words")

    def where(self, words: Sequence[str]) -> tuple[str, str]:
        """Return the condition on PostgreSQL, and its parameter."""
        return f"{self._is_there()} AND {self._vector()} @@ phraseto_tsquery('simple', %s)", " ".join(words)

    def _is_there(self) -> str:
        return f"{self.column} <> {self.empty}"

    def _vector(self) -> str:
        spaces = " " * len(_PUNCTUATION)
        column = f"left({self.column}::text, 4000)"
        return f"to_tsvector('simple', translate({column}, '{_PUNCTUATION}', '{spaces}'))"

    def _postgresql(self) -> str:
        made = f"CREATE INDEX CONCURRENTLY {self.name} ON {self.table} USING gin ({self._vector()})"
        return f"{made} WHERE {self._is_there()}"

    def _sqlite(self) -> list[str]:
        name, table, column = self.name, self.table, self.column
        add = f"INSERT INTO {name}(rowid, {column}) VALUES (new.rowid, new.{column});"  # noqa: S608
        remove = f"INSERT INTO {name}({name}, rowid, {column}) VALUES ('delete', old.rowid, old.{column});"  # noqa: S608
        made = (
            f"CREATE VIRTUAL TABLE {name} USING fts5({column}, content='{table}', content_rowid='rowid',"
            " columnsize=0, tokenize='unicode61')"
        )
        read = f"SELECT rowid, {column} FROM {table} WHERE {column} <> {self.empty}"  # noqa: S608 - our own words
        updated = f"UPDATE OF {column} ON {table} WHEN old.{column} IS NOT new.{column}"
        was, there = f"old.{column} <> {self.empty}", f"new.{column} <> {self.empty}"
        triggers = {  # of two that fit SQLite runs any one first: of a change only one fits
            "added": f"INSERT ON {table} WHEN {there} BEGIN {add} END",
            "removed": f"DELETE ON {table} WHEN {was} BEGIN {remove} END",
            "changed": f"{updated} AND {was} AND {there} BEGIN {remove} {add} END",
            "emptied": f"{updated} AND {was} AND NOT {there} BEGIN {remove} END",
            "filled": f"{updated} AND {there} AND NOT {was} BEGIN {add} END",
        }
        return [
            made,
            f"INSERT INTO {name}(rowid, {column}) {read}",
            *(f"CREATE TRIGGER {name}_{word} AFTER {what}" for word, what in triggers.items()),
        ]


NAMES: Final = WordIndex(
    name="delivery_recipient_name", table="delivery_recipient", column="name", empty="''"
)
METADATA: Final = WordIndex(
    name="delivery_email_metadata", table="delivery_email", column="metadata", empty="'{}'"
)


def with_metadata(emails: QuerySet[Email], words: Sequence[str]) -> QuerySet[Email]:
    """Keep the emails whose metadata has these words in this order, newest first."""
    if not words:
        return emails.none()
    if connection.vendor == "sqlite":
        return _matching(emails, METADATA, words, [f"{METADATA.name}.rowid = delivery_email.rowid"])
    condition, given = METADATA.where(words)
    return emails.extra(where=[condition], params=[given]).order_by("-id")  # noqa: S610 - no text of a user


def to_named(emails: QuerySet[Email], words: Sequence[str]) -> QuerySet[Email]:
    """Keep the emails to recipients whose name has these words in this order, newest first; some of them twice."""
    if not words:
        return emails.none()
    if connection.vendor == "sqlite":
        joined = [
            f"{NAMES.name}.rowid = delivery_recipient.id",
            "delivery_recipient.email_id = delivery_email.id",
        ]
        return _matching(emails, NAMES, words, joined, "delivery_recipient")
    condition, given = NAMES.where(words)
    named = Recipient.objects.extra(where=[condition], params=[given])  # noqa: S610 - no text of a user
    return emails.filter(pk__in=named.order_by().values("email")).order_by("-id")


def _matching(
    emails: QuerySet[Email], index: WordIndex, words: Sequence[str], joined: list[str], *tables: str
) -> QuerySet[Email]:
    phrase = '"' + " ".join(words) + '"'
    return emails.extra(  # noqa: S610 - words are letters and digits
        tables=[*tables, index.name],
        where=[*joined, f"{index.name} MATCH %s"],
        params=[phrase],
        order_by=[f"-{index.name}.rowid"],
    )
