"""Writes entries in one statement: what is new is inserted, what is known is counted."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from delivery.models import Suppression

_AT_ONCE = 500  # rows in one statement
_FIELDS = Suppression._meta.concrete_fields
_TABLE = Suppression._meta.db_table
# What makes two reports one entry; NULL differs from NULL, so entries for all have an index of their own.
_OF_A_TEAM = "(address, owner_id, kind, scope)"
_FOR_ALL = "(address, kind, scope) WHERE owner_id IS NULL"
# An entry ends with the last of its reports; with one that has no end it has none.
_REPEATED = f"""
    count = {_TABLE}.count + excluded.count,
    first_seen = CASE WHEN excluded.first_seen < {_TABLE}.first_seen
        THEN excluded.first_seen ELSE {_TABLE}.first_seen END,
    last_seen = CASE WHEN excluded.last_seen > {_TABLE}.last_seen
        THEN excluded.last_seen ELSE {_TABLE}.last_seen END,
    expires_at = CASE WHEN excluded.expires_at IS NULL OR {_TABLE}.expires_at IS NULL THEN NULL
        WHEN excluded.expires_at > {_TABLE}.expires_at THEN excluded.expires_at ELSE {_TABLE}.expires_at END
"""


def run(rows: Sequence[Suppression]) -> list[Suppression]:
    """Write rows that differ in what identifies them; return those that are new. The caller holds the transaction."""
    for_all = [row for row in rows if row.team_id is None]
    owned = [row for row in rows if row.team_id is not None]
    return [*_new(for_all, _FOR_ALL), *_new(owned, _OF_A_TEAM)]


def _new(rows: Sequence[Suppression], identity: str) -> Iterator[Suppression]:
    for start in range(0, len(rows), _AT_ONCE):
        some = {row.pk: row for row in rows[start : start + _AT_ONCE]}
        for pk in _written(list(some.values()), identity):
            if pk in some:  # a known entry has kept its own id
                some[pk]._state.adding, some[pk]._state.db = False, connection.alias
                yield some[pk]


def _written(rows: Sequence[Suppression], identity: str) -> list[UUID]:
    columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in _FIELDS)
    places = ", ".join([f"({', '.join(['%s'] * len(_FIELDS))})"] * len(rows))
    statement = (
        f"INSERT INTO {_TABLE} ({columns}) VALUES {places} "  # noqa: S608 - our own names and placeholders
        f"ON CONFLICT {identity} DO UPDATE SET {_REPEATED} RETURNING id"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [value for row in rows for value in _values(row)])
        return [UUID(str(pk)) for (pk,) in cursor.fetchall()]


def _values(row: Suppression) -> list[Any]:
    return [field.get_db_prep_save(getattr(row, field.attname), connection) for field in _FIELDS]
