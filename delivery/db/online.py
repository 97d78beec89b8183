"""Migrations that build indexes while the processes of the version before go on writing."""

from typing import Any

from django.db import migrations


class AddIndexOnline(migrations.AddIndex):
    """Add an index; on PostgreSQL without a lock, and anew where an earlier try has left a part of it.

    Its migration is not atomic.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Build it."""
        model = to_state.apps.get_model(app_label, self.model_name)
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {self.index.name}")
            schema_editor.add_index(model, self.index, concurrently=True)
        else:
            schema_editor.execute(f"DROP INDEX IF EXISTS {self.index.name}")
            schema_editor.add_index(model, self.index)
