"""manage.py flush: Django's own, which empties all tables; the audit's guard lets it."""

from typing import Any

from django.core.management.commands import flush

from delivery.access import append_only


class Command(flush.Command):
    def handle(self, **options: Any) -> None:
        with append_only.emptied_with_all_tables():
            super().handle(**options)
