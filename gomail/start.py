"""Start and end of a server process."""

import logging
import threading
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from api import uploads
from delivery import journal
from delivery.access import key_use
from delivery.deletion import background as deletions
from delivery.erasure import background as erasures
from delivery.files import storage
from delivery.recovery import watch
from delivery.workers import loop

_ended = threading.Event()
log = logging.getLogger(__name__)


def prepare() -> None:
    """Refuse an unmigrated database, open the journal, and clean up after killed processes."""
    refuse_an_old_database()
    close_to_others()
    journal.begin()
    look()
    threading.Thread(target=_watch_on, name="watch", daemon=True).start()
    storage.remove_partial_files()
    uploads.remove_partial_files()


def clear_up() -> None:
    """Close the journal after the last request, and write down how often each key was used."""
    _ended.set()
    journal.close()
    with suppress(DatabaseError, InterfaceError):  # a minute's count is lost
        key_use.write()
    connection.close()


def look() -> None:
    """Replay the journals of killed processes, and see whether an older state of the database has come back.

    Without a worker on this machine no other process does it. What fails is tried again by the next look.
    """
    loop.guarded(watch.look, "The database and the journal could not be held against each other")
    loop.guarded(erasures.look, "Erased people could not be overwritten in the journal")
    loop.guarded(deletions.look, "Deleted teams could not be overwritten in the journal")
    connection.close()


def _watch_on() -> None:
    while not _ended.wait(loop.RESCUE_SECONDS):
        look()


def close_to_others() -> None:
    """Take from other users of the machine what earlier versions left open to them: folders, and SQLite's files."""
    for folder in (settings.GOMAIL_STORAGE_DIR, settings.GOMAIL_JOURNAL_DIR):
        storage.restrict(Path(folder), 0o700)
    if connection.vendor == "sqlite":
        for ending in ("", "-wal", "-shm"):
            storage.restrict(Path(f"{connection.settings_dict['NAME']}{ending}"), 0o600)


def refuse_an_old_database() -> None:
    """Raise ImproperlyConfigured if migrations are missing; only log if the database is away."""
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except OperationalError as error:
        log.error("The database cannot be reached; requests are answered 503 until it can: %s", error)  # noqa: TRY400
        return
    finally:
        connection.close()
    if missing:
        raise ImproperlyConfigured(
            f"The database lacks migrations, {missing[0][0]} first of all. Run: manage.py migrate"
        )
