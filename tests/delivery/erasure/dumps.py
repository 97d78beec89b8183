"""All that this installation keeps, as bytes: every table, the files of SQLite, attachments and the journal."""

from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection


def rows() -> dict[str, str]:
    """Return what every column of every table holds, by table."""
    return {model._meta.db_table: _table(model._meta.db_table) for model in _models()}


def tables_with(text: str) -> list[str]:
    """Return the tables that hold a text, in whatever case."""
    return [name for name, dump in rows().items() if text.lower() in dump]


def files_with(text: str) -> list[str]:
    """Return the files that hold it: SQLite's own, attachments, the journal."""
    folders = [
        Path(settings.STORAGES["attachments"]["OPTIONS"]["location"]),
        Path(settings.GOMAIL_JOURNAL_DIR),
    ]
    several = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    if connection.vendor == "sqlite":
        name = Path(connection.settings_dict["NAME"])
        several += [file for file in (name, Path(f"{name}-wal")) if file.exists()]
    return [file.name for file in several if text.lower().encode() in file.read_bytes().lower()]


def _models() -> list[Any]:
    return [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]


def _table(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {connection.ops.quote_name(name)}")
        return repr(cursor.fetchall()).lower()
