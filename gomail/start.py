"""Start and end of a server process."""

import logging

from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from api import uploads
from delivery import journal
from delivery.db import outages
from delivery.db.outages import AWAY
from delivery.files import storage
from delivery.recovery import rescue

log = logging.getLogger(__name__)


def prepare() -> None:
    """Refuse an unmigrated database, open the journal, and clean up after killed processes."""
    refuse_an_old_database()
    journal.begin()
    inherit()
    storage.remove_partial_files()
    uploads.remove_partial_files()


def clear_up() -> None:
    """Close the journal after the last request."""
    journal.close()


def inherit() -> None:
    """Replay the journals of killed processes: without a worker on this machine no other process does it."""
    try:
        rescue.inherit()
    except AWAY:
        log.exception("The replay of killed processes' journals waits until the database can be used")
        outages.until_done(rescue.inherit)
    finally:
        connection.close()


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
