"""The database's own guard of the audit: triggers that refuse to delete an entry, and to change one.

One thing may change: a person is forgotten. The texts that may name one take a new value that contains a tombstone,
`erased:…`; everything else of the entry stays. See docs/decisions/0041.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.db import connection, transaction

from delivery.models import AuditEntry

TOMBSTONE: Final = "erased:"
ERASABLE: Final = ("actor_name", "object_id", "before", "after")  # columns
_TABLE: Final = "delivery_auditentry"
_WHY: Final = "the audit is append-only"

_SQLITE_KEPT: Final = (
    f"CREATE TRIGGER IF NOT EXISTS delivery_audit_kept BEFORE DELETE ON {_TABLE} "
    f"BEGIN SELECT RAISE(ABORT, '{_WHY}'); END"
)
_SQLITE_FIXED: Final = (
    f"CREATE TRIGGER delivery_audit_fixed BEFORE UPDATE ON {_TABLE} WHEN NOT ({{}}) "
    f"BEGIN SELECT RAISE(ABORT, '{_WHY}'); END"
)
_SQLITE_DROP: Final = (
    "DROP TRIGGER IF EXISTS delivery_audit_kept",
    "DROP TRIGGER IF EXISTS delivery_audit_fixed",
)
_POSTGRESQL_FUNCTION: Final = (
    "CREATE FUNCTION delivery_audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF TG_OP = 'UPDATE' THEN IF {} THEN RETURN NEW; END IF; END IF; "
    f"RAISE restrict_violation USING MESSAGE = '{_WHY}'; END $$"
)
_POSTGRESQL_TRIGGER: Final = (
    f"CREATE TRIGGER delivery_audit_guard BEFORE UPDATE OR DELETE ON {_TABLE} "
    "FOR EACH ROW EXECUTE FUNCTION delivery_audit_guard()"
)
_POSTGRESQL_DROP: Final = (
    f"DROP TRIGGER IF EXISTS delivery_audit_guard ON {_TABLE}",
    "DROP FUNCTION IF EXISTS delivery_audit_guard()",
)


def guard(apps: Any, schema_editor: Any) -> None:
    """Set the guard up anew; a migration that changes the table must end with this: SQLite builds another table."""
    unguard(apps, schema_editor)
    fields = apps.get_model("delivery", "AuditEntry")._meta.concrete_fields
    columns = [field.column for field in fields]
    if schema_editor.connection.vendor == "sqlite":
        statements = (
            _SQLITE_KEPT,
            _SQLITE_FIXED.format(_only_erases(columns, "IS", "ifnull(instr({}, '{}'), 0)")),
        )
    else:
        erases = _only_erases(columns, "IS NOT DISTINCT FROM", "coalesce(strpos({}::text, '{}'), 0)")
        statements = _POSTGRESQL_FUNCTION.format(erases), _POSTGRESQL_TRIGGER
    for statement in statements:
        schema_editor.execute(statement)


def unguard(apps: Any, schema_editor: Any) -> None:
    """Take the guard away."""
    for statement in _SQLITE_DROP if schema_editor.connection.vendor == "sqlite" else _POSTGRESQL_DROP:
        schema_editor.execute(statement)


@contextmanager
def emptied_with_all_tables() -> Iterator[None]:
    """Let `manage.py flush` empty the table: SQLite has no TRUNCATE, and deletes row by row."""
    if connection.vendor != "sqlite" or not AuditEntry.objects.exists():
        yield
        return
    with transaction.atomic():
        _execute(_SQLITE_DROP[0])
        yield
        _execute(_SQLITE_KEPT)


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _only_erases(columns: list[str], same: str, where: str) -> str:
    """Return the condition in which an UPDATE changes nothing, or puts a tombstone where a person was named."""
    conditions = [f"NEW.{name} {same} OLD.{name}" for name in columns]
    for place, name in enumerate(columns):
        if name in ERASABLE:
            conditions[place] = f"({conditions[place]} OR {where.format(f'NEW.{name}', TOMBSTONE)} > 0)"
    return " AND ".join(conditions)
