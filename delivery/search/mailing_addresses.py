"""The index of a mailing's recipients by their address, whatever its case; queries repeat its expression."""

from typing import Any, Final

from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Lower

from delivery.content import addresses
from delivery.models import MailingRecipient

NAME: Final = "mailing_recipient_by_address"
# PostgreSQL finds a beginning by an index of this class alone, whatever the collation.
_OPERATORS: Final = {"sqlite": "", "postgresql": " text_pattern_ops"}
_AFTER_EVERYTHING: Final = "\U0010ffff"
Rows = QuerySet[MailingRecipient]


def create(apps: Any, schema_editor: Any) -> None:
    """Build it anew; a migration that rebuilds the table of these recipients on SQLite must end with this."""
    vendor = schema_editor.connection.vendor
    drop(apps, schema_editor)
    online = "CONCURRENTLY " if vendor == "postgresql" else ""
    schema_editor.execute(
        f"CREATE INDEX {online}{NAME} ON delivery_mailingrecipient (mailing_id, lower(address){_OPERATORS[vendor]})"
    )


def drop(apps: Any, schema_editor: Any) -> None:
    """Drop it."""
    online = "CONCURRENTLY " if schema_editor.connection.vendor == "postgresql" else ""
    schema_editor.execute(f"DROP INDEX {online}IF EXISTS {NAME}")


def at(rows: Rows, address: str) -> Rows:
    """Keep who has this address, of the recipients of one mailing."""
    found: Rows = _keyed(rows).filter(key=addresses.canonical(address.strip()))
    return found


def beginning(rows: Rows, text: str) -> Rows:
    """Keep whose address begins so, of the recipients of one mailing."""
    start = addresses.canonical(text.strip())
    if connection.vendor == "sqlite":  # uses no index for LIKE, but does for comparisons
        found: Rows = _keyed(rows).filter(key__gte=start, key__lt=start + _AFTER_EVERYTHING)
    else:
        found = _keyed(rows).filter(key__startswith=start)
    return found


def _keyed(rows: Rows) -> Any:
    return rows.alias(key=Lower("address"))
