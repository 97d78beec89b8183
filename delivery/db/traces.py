"""Traces of deleted rows: what a database keeps of them in its own files, and how to be rid of it.

SQLite overwrites what it deletes where `secure_delete` is on, and its write-ahead log ends with a checkpoint that
truncates it. PostgreSQL keeps a row's old version until VACUUM has run; see docs/erasure.md.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.db import connection

_PATIENCE: Final = 2000  # milliseconds in which every reader must have moved on; writers wait meanwhile


@contextmanager
def overwritten() -> Iterator[None]:
    """Have SQLite overwrite what this connection deletes."""
    if connection.vendor != "sqlite":
        yield
        return
    before = _ask("PRAGMA secure_delete")
    _ask("PRAGMA secure_delete = ON")
    try:
        yield
    finally:
        _ask(f"PRAGMA secure_delete = {before}")


def empty_log() -> bool:
    """Write SQLite's log into the database and truncate it; False if a reader is still in it: try again later."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        return True
    usual = _ask("PRAGMA busy_timeout")
    _ask(f"PRAGMA busy_timeout = {_PATIENCE}")
    try:
        return _ask("PRAGMA wal_checkpoint(TRUNCATE)") == 0
    finally:
        _ask(f"PRAGMA busy_timeout = {usual}")


def _ask(pragma: str) -> int:
    with connection.cursor() as cursor:
        row = cursor.execute(pragma).fetchone()
        return int(row[0]) if row else 0
