"""What is asked of the database, and of us, each time that a connection is opened."""

import os
from typing import Any

from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

from delivery.db import clock

_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
)
_first: dict[str, tuple[int, int]] = {}  # by the name of an SQLite file: which one it was


class Replaced(OperationalError):
    """The SQLite file is another one than this process has opened: what it writes would be lost."""


def prepare(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Read the database's clock; let PostgreSQL answer a commit when it is on disk, whatever the server's default is.

    Only `off` is changed: whoever has chosen another value has asked for more, or for what a standby must confirm.
    A pooler in transaction mode may hand us another session later; `manage.py doctor` sees that.
    """
    clock.read(connection)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_DURABLE)
    elif found := _identity(connection):
        _first.setdefault(str(connection.settings_dict["NAME"]), found)


def refuse_a_replaced_file() -> None:
    """Raise Replaced if the SQLite file was replaced or taken away since this process has opened it first.

    It costs one look at the file's name; other databases are not asked.
    """
    first = _first.get(str(connection.settings_dict["NAME"]))
    if first and _identity(connection) != first:
        raise Replaced(
            f"The SQLite file {connection.settings_dict['NAME']} was replaced while this process had it open. "
            "Stop every process of GoMail before a backup is put in place; this one ends."
        )


def _identity(opened: BaseDatabaseWrapper) -> tuple[int, int] | None:
    """Return which file the database's name leads to; None for a database in memory, or one that is not there."""
    if opened.vendor != "sqlite":
        return None
    try:
        state = os.stat(opened.settings_dict["NAME"])  # noqa: PTH116 - for every email; a Path costs more than the look
    except OSError:
        return None
    return state.st_dev, state.st_ino
