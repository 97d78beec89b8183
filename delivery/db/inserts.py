"""INSERTs of whole rows, written from the fields of their model; those of every email are made here.

Private parts of Django that this stands on: those that compiled.py lists.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django.db import connection, models
from django.db.backends.base.base import BaseDatabaseWrapper

from delivery.db import values as prepared
from delivery.db.compiled import opened_here, quoted
from delivery.db.values import Column, Prepare

_FEW = 20  # rows; up to here PostgreSQL takes an INSERT faster than a COPY
_MANY = 500  # rows of one INSERT: SQLite takes 32,766 values


class Insert:
    """An INSERT of rows of one table. Keys that the database generates are not read back."""

    def __init__(self, model: type[models.Model]) -> None:
        """Take the table's model."""
        self._model = model
        own = (field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField))
        self._fields = tuple(own)

    def run(self, rows: Sequence[models.Model]) -> None:
        """Insert all rows in one statement; up to 20 of them may have expressions as values."""
        if len(rows) <= _FEW:
            self._insert(rows)
        elif connection.vendor == "postgresql":
            self._copy(rows)
        else:
            self._insert_each(rows)
        for row in rows:
            row._state.adding, row._state.db = False, connection.alias

    def _insert(self, rows: Sequence[models.Model]) -> None:
        opened = opened_here()
        table = [[column.of(row, opened) for column in self._columns] for row in rows]
        values = ", ".join([f"({', '.join([sql for sql, _ in columns])})" for columns in table])
        parameters = [value for columns in table for _, values in columns for value in values]
        if parameters:
            statement = f"INSERT INTO {self._into} VALUES {values}"  # noqa: S608 - our names and placeholders
            with opened.cursor() as cursor:
                cursor.execute(statement, parameters)

    def _copy(self, rows: Sequence[models.Model]) -> None:
        """Insert by COPY: a third of the time of an INSERT for PostgreSQL, and less for this process."""
        statement = f"COPY {self._into} FROM STDIN"
        opened = opened_here()
        with opened.cursor() as cursor, opened.wrap_database_errors, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(self._values(row, opened))

    def _insert_each(self, rows: Sequence[models.Model]) -> None:
        """Insert by one statement for a row: SQLite takes it as fast as one for all, and has it compiled already."""
        places = ", ".join(["%s"] * len(self._fields))
        opened = opened_here()
        with opened.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {self._into} VALUES ({places})",  # noqa: S608 - our names and placeholders
                [self._values(row, opened) for row in rows],
            )

    def _values(self, row: models.Model, opened: BaseDatabaseWrapper) -> list[Any]:
        return [prepare(getattr(row, name), opened) for name, prepare in self._prepared]

    @cached_property
    def _prepared(self) -> list[tuple[str, Prepare]]:
        return [(field.attname, prepared.prepare(field)) for field in self._fields]

    @cached_property
    def _columns(self) -> list[Column]:
        return [prepared.column(field) for field in self._fields]

    @cached_property
    def _into(self) -> str:
        table = connection.ops.quote_name(self._model._meta.db_table)
        return f"{table} ({', '.join(quoted(self._fields))})"


class InsertNew(Insert):
    """An INSERT that passes over the rows whose unique columns are there already."""

    def run_new(self, rows: Sequence[models.Model]) -> set[Any]:
        """Insert the rows, and return the primary keys of those that are new.

        A transaction that inserts the same row at the moment is waited for; give the rows in one order everywhere.
        """
        key: Any = self._model._meta.pk
        found = (
            key.to_python(value)
            for start in range(0, len(rows), _MANY)
            for value in self._new(rows[start : start + _MANY])
        )
        return set(found)

    def _new(self, rows: Sequence[models.Model]) -> list[Any]:
        columns = [
            [field.get_db_prep_save(getattr(row, field.attname), connection) for row in rows]
            for field in self._fields
        ]
        if (
            connection.vendor == "postgresql"
        ):  # an array for each column: psycopg is slow at many placeholders
            values, parameters = self._unnested, columns
        else:
            one = f"({', '.join(['%s'] * len(columns))})"
            values = f"VALUES {', '.join([one] * len(rows))}"
            parameters = [value for row in zip(*columns, strict=True) for value in row]
        (key,) = quoted([self._model._meta.pk])
        statement = f"INSERT INTO {self._into} {values} ON CONFLICT DO NOTHING RETURNING {key}"
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return [found for (found,) in cursor.fetchall()]

    @cached_property
    def _unnested(self) -> str:
        arrays = (f"%s::{field.db_type(connection)}[]" for field in self._fields)
        return f"SELECT * FROM unnest({', '.join(arrays)})"  # noqa: S608 - our types
