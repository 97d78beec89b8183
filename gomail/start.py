"""What a process of the server does before it takes its first request."""

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
    """Refuse a database without our tables, and see to what killed processes left."""
    refuse_an_old_database()
    journal.begin()
    inherit()
    storage.remove_partial_files()
    uploads.remove_partial_files()


def clear_up() -> None:
    """Do what a process does last, after its last request."""
    journal.close()


def inherit() -> None:
    """Write down what killed processes knew; where no worker runs on this machine nobody else does it."""
    try:
        rescue.inherit()
    except AWAY:
        log.exception("What killed processes left in the journal waits until the database can be used")
        outages.until_done(rescue.inherit)
    finally:
        connection.close()


def refuse_an_old_database() -> None:
    """Raise ImproperlyConfigured if migrations are missing; a database that is away may come back later."""
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
