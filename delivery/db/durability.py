"""Whether PostgreSQL keeps what it has committed: its own settings say so."""

from typing import Final

from django.db import connection

REMEDY: Final = (
    "Set it to `on` in postgresql.conf and reload the server; where that is not yours: "
    "ALTER ROLE <GoMail's role> SET synchronous_commit = on."
)
_NEEDED = ["synchronous_commit", "fsync", "full_page_writes"]


def lacking() -> list[str]:
    """Return the names of settings that are off for us."""
    return _asked("setting = 'off'")


def set_by_us_alone() -> list[str]:
    """Return the names of settings that are on because we say so on each connection (see session).

    Behind a pooler in transaction mode the next transaction may be another session's, of which nobody has said it.
    """
    return _asked("reset_val = 'off' AND setting <> 'off'")


def _asked(condition: str) -> list[str]:
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT name FROM pg_settings WHERE name = ANY(%s) AND {condition}", [_NEEDED])  # noqa: S608
        return sorted(name for (name,) in cursor.fetchall())
