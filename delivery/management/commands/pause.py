"""manage.py pause: of a team or a key nothing is taken, and nothing that waits is sent."""

from typing import Any

from django.core.management.base import CommandParser

from delivery.access import pauses
from delivery.management import arguments, base


class Command(base.Command):
    help = "Pauses a team or a key: nothing new is taken, nothing that waits is sent, nothing is lost."

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_holder(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        holder = arguments.holder(options)
        done = "is paused" if pauses.pause(holder) else "was paused already"
        waits = arguments.waiting(pauses.waiting_of(holder).count())
        self.stdout.write(f"{holder} {done}. {waits} until `manage.py resume`.")
