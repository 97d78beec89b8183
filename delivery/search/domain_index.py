"""The index of recipients by the domain of their address: an expression, which queries repeat word for word."""

from typing import Any, Final

from django.db import connection
from django.db.models import QuerySet

from delivery.models import Recipient

NAME: Final = "recipient_by_domain"
_EXPRESSIONS: Final = {
    "sqlite": "substr(canonical, instr(canonical, '@') + 1)",
    "postgresql": "split_part(canonical, '@', 2)",
}


def create(apps: Any, schema_editor: Any) -> None:
    """Build it anew; a migration that rebuilds the table of recipients on SQLite must end with this."""
    vendor = schema_editor.connection.vendor
    drop(apps, schema_editor)
    online = "CONCURRENTLY " if vendor == "postgresql" else ""
    schema_editor.execute(f"CREATE INDEX {online}{NAME} ON delivery_recipient (({_EXPRESSIONS[vendor]}))")


def drop(apps: Any, schema_editor: Any) -> None:
    """Drop it."""
    online = "CONCURRENTLY " if schema_editor.connection.vendor == "postgresql" else ""
    schema_editor.execute(f"DROP INDEX {online}IF EXISTS {NAME}")


def at(domain: str) -> QuerySet[Recipient]:
    """Return the recipients at a domain."""
    where = f"{_EXPRESSIONS[connection.vendor]} = %s"
    return Recipient.objects.extra(where=[where], params=[domain])  # noqa: S610 - our own words
