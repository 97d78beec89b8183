"""The statements of an import: on SQLite one a row, prepared once; on PostgreSQL a COPY into a table of the moment."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from delivery.models import Contact, Import, Membership

Values = tuple[Any, ...]  # of the columns of _GIVEN
_CONTACTS, _MEMBERS = Contact._meta.db_table, Membership._meta.db_table
_GIVEN: Final = "id, email_key, email, first_name, last_name, name, locale, data"
_MADE: Final = "created_at, changed_at, team_id, created_by_import, last_import"
_CHANGED: Final = ("first_name", "last_name", "name", "locale", "data")

_FIND: Final = {
    "sqlite": f"SELECT {_GIVEN}, created_by_import, last_import FROM {_CONTACTS} "  # noqa: S608
    "WHERE team_id IS %s AND email_key IN (SELECT value FROM json_each(%s))",
    "postgresql": f"SELECT {_GIVEN}, created_by_import, last_import FROM {_CONTACTS} "  # noqa: S608
    "WHERE team_id {is_team} AND email_key = ANY(%s) ORDER BY email_key {lock}",
}
_INSERT: Final = {
    # nobody else writes meanwhile
    "sqlite": f"INSERT INTO {_CONTACTS} ({_GIVEN}, {_MADE}) "  # noqa: S608
    f"VALUES ({', '.join(['%s'] * 13)})",
    "postgresql": f"INSERT INTO {_CONTACTS} ({_GIVEN}, {_MADE}) "  # noqa: S608
    f"SELECT DISTINCT ON (email_key) {_GIVEN}, %s, %s, %s::bigint, %s::uuid, %s::uuid FROM gomail_staged "
    "ORDER BY email_key ON CONFLICT DO NOTHING",
}
_UPDATE: Final = {
    "sqlite": f"UPDATE {_CONTACTS} SET {', '.join(f'{name} = %s' for name in _CHANGED)}, "  # noqa: S608
    "changed_at = %s, last_import = %s WHERE id = %s",
    "postgresql": f"UPDATE {_CONTACTS} SET {', '.join(f'{name} = staged.{name}' for name in _CHANGED)}, "  # noqa: S608
    f"changed_at = %s, last_import = %s FROM gomail_staged staged WHERE {_CONTACTS}.id = staged.id",
}
_MARK: Final = {
    "sqlite": f"UPDATE {_CONTACTS} SET last_import = %s WHERE id IN (SELECT value FROM json_each(%s))",  # noqa: S608
    "postgresql": f"UPDATE {_CONTACTS} SET last_import = %s WHERE id = ANY(%s)",  # noqa: S608
}
# Who has unsubscribed stays so; who was taken out comes back.
_AGAIN: Final = (
    "ON CONFLICT (group_id, contact_id) DO UPDATE SET status = 'subscribed', since = excluded.since, "
    f'"by" = excluded."by" WHERE {_MEMBERS}.status = \'removed\''
)
_JOIN: Final = {
    "sqlite": f'INSERT INTO {_MEMBERS} (group_id, contact_id, status, since, "by") '  # noqa: S608
    f"SELECT %s, value, 'subscribed', %s, %s FROM json_each(%s) WHERE true {_AGAIN}",
    "postgresql": f'INSERT INTO {_MEMBERS} (group_id, contact_id, status, since, "by") '  # noqa: S608
    f"SELECT %s, joined, 'subscribed', %s, %s FROM unnest(%s::uuid[]) joined {_AGAIN}",
}
_STAGE: Final = (
    "DROP TABLE IF EXISTS gomail_staged",
    f"CREATE TEMPORARY TABLE gomail_staged ON COMMIT DROP AS SELECT {_GIVEN} FROM {_CONTACTS} WITH NO DATA",  # noqa: S608
)
_COPY: Final = f"COPY gomail_staged ({_GIVEN}) FROM STDIN"


class Again(Exception):
    """Somebody else has made one of these contacts at this moment: the chunk is done anew, and finds it."""


class Stored(NamedTuple):
    """A contact as it is stored."""

    id: UUID
    key: str
    email: str
    names: tuple[str, ...]  # in the order of rows.NAMES
    data: dict[str, Any]
    created_by: UUID | None
    last: UUID | None


def stored(imported: Import, keys: Sequence[str], *, lock: bool) -> Iterator[Stored]:
    """Yield what is stored of these keys; locked in the order of the keys."""
    statement = _FIND[connection.vendor]
    if _is_sqlite():
        values: list[Any] = [imported.team_id, json.dumps(keys)]
    else:
        is_team = "IS NULL" if imported.team_id is None else "= %s"
        statement = statement.format(is_team=is_team, lock="FOR UPDATE" if lock else "")
        values = [*([] if imported.team_id is None else [imported.team_id]), list(keys)]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        for pk, key, email, *names, data, created_by, last in cursor.fetchall():
            yield Stored(
                _read(pk), key, email, tuple(names), json.loads(data), _read(created_by), _read(last)
            )


def insert(imported: Import, several: Sequence[Values], now: datetime) -> None:
    """Make contacts; raise Again if one of them has been made meanwhile."""
    if not several:
        return
    moment, by = _native(now), _native(imported.pk)
    made = (moment, moment, imported.team_id, by, by)
    with connection.cursor() as cursor:
        if _is_sqlite():
            cursor.executemany(_INSERT["sqlite"], [(pk.hex, *rest, *made) for pk, *rest in several])
            return
        _stage(cursor, several)
        cursor.execute(_INSERT["postgresql"], made)
        if cursor.rowcount < len(several):
            raise Again


def update(imported: Import, several: Sequence[Values], now: datetime) -> None:
    """Store what has changed of contacts that the caller has locked."""
    if not several:
        return
    changed = (_native(now), _native(imported.pk))
    with connection.cursor() as cursor:
        if _is_sqlite():
            cursor.executemany(_UPDATE["sqlite"], [(*rest, *changed, pk.hex) for pk, _, _, *rest in several])
            return
        _stage(cursor, several)
        cursor.execute(_UPDATE["postgresql"], changed)


def mark(imported: Import, ids: Sequence[UUID]) -> None:
    """Note that this import had these contacts, and found nothing to change."""
    with connection.cursor() as cursor:
        cursor.execute(_MARK[connection.vendor], [_native(imported.pk), _list(ids)])


def join(imported: Import, ids: Sequence[UUID], now: datetime) -> None:
    """Put contacts into the import's group."""
    values = [_native(imported.group_id), _native(now), f"import:{imported.pk}", _list(ids)]
    with connection.cursor() as cursor:
        cursor.execute(_JOIN[connection.vendor], values)


def _stage(cursor: Any, several: Sequence[Values]) -> None:
    """Fill PostgreSQL's table of the moment: it goes with the transaction, or before its next use."""
    for statement in _STAGE:
        cursor.execute(statement)
    with cursor.copy(_COPY) as copy:
        for row in several:
            copy.write_row(row)


def _is_sqlite() -> bool:
    return connection.vendor == "sqlite"


def _native(value: Any) -> Any:
    """Return a moment, or an id, as this database keeps it."""
    if not _is_sqlite():
        return value
    return value.hex if isinstance(value, UUID) else connection.ops.adapt_datetimefield_value(value)


def _list(ids: Sequence[UUID]) -> Any:
    return json.dumps([pk.hex for pk in ids]) if _is_sqlite() else list(ids)


def _read(pk: Any) -> Any:
    return UUID(pk) if isinstance(pk, str) else pk
