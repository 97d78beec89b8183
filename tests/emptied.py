"""The tables after a test that committed: emptied where there are rows, instead of all of them by `manage.py flush`.

A flush empties sixty tables, and then writes down anew every permission and every kind of model, just as they were.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from django.db import connection, transaction
from django.test import TransactionTestCase

from delivery.access import append_only
from delivery.models import AuditEntry

_LASTING = ("django_content_type", "auth_permission")  # what each installation has from its migrations


@contextmanager
def where_there_are_rows() -> Iterator[None]:
    """Let tests that commit end so; but where one of them touched what lasts, with the flush that restores it."""
    set_up, flush = TransactionTestCase._fixture_setup, TransactionTestCase._fixture_teardown
    lasting: list[Any] = []

    def begin(case: type[TransactionTestCase]) -> None:
        set_up.__func__(case)  # type: ignore[attr-defined]  # a method of the class
        lasting[:] = lasting or [_lasting()]

    def end(case: TransactionTestCase) -> None:
        if lasting == [_lasting()]:
            _empty(_tables_with_rows())
        else:
            flush(case)
            lasting.clear()

    with (
        patch.object(TransactionTestCase, "_fixture_setup", classmethod(begin)),
        patch.object(TransactionTestCase, "_fixture_teardown", end),
    ):
        yield


def _lasting() -> list[Any]:
    return [_ask(f"SELECT * FROM {table} ORDER BY id") for table in _LASTING]


def _tables_with_rows() -> list[str]:
    tables = set(connection.introspection.django_table_names()) - set(_LASTING)
    asked = (f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table})" for table in tables)
    return [table for (table,) in _ask(" UNION ALL ".join(asked))]


def _ask(statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def _empty(tables: list[str]) -> None:
    guarded = AuditEntry._meta.db_table if connection.vendor == "postgresql" else ""
    with transaction.atomic(), append_only.emptied_with_all_tables(), connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"TRUNCATE {table}" if table == guarded else f"DELETE FROM {table}")
