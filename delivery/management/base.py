"""What all commands share: whatever a command changes, the audit names the command."""

from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from delivery.access import actor, audit
from delivery.access.actor import Actor


class Command(BaseCommand):
    """A command that acts under its own name."""

    def execute(self, *args: Any, **options: Any) -> Any:
        """Run it as the actor `system`, with its name."""
        name = type(self).__module__.rpartition(".")[2]
        with actor.acting(Actor(kind="system", id=name, name=f"manage.py {name}")):
            return super().execute(*args, **options)


def record(action: str, kind: str, id: str, after: Mapping[str, Any]) -> None:
    """Record what a command has done in many transactions, or at a vendor, once it is done."""
    with transaction.atomic():
        audit.record(action, kind, id, team=None, after=after)


def confirmed(name: str) -> str:
    """Return what a person types who is asked for this name; raise CommandError where nobody is there to type."""
    try:
        return input(f"This cannot be undone. Type {name} to go on: ")
    except EOFError:
        raise CommandError("Nothing was changed: nobody can be asked here. --yes goes on without.") from None
