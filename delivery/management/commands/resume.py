"""manage.py resume: ends the pause of a team or a key."""

from typing import Any

from django.core.management.base import CommandParser

from delivery.access import pauses
from delivery.management import arguments, base


class Command(base.Command):
    help = "Ends the pause of a team or a key: what waits is sent, its deadlines are later by the pause."

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_holder(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        holder = arguments.holder(options)
        done = "is resumed" if pauses.resume(holder) else "was not paused"
        self.stdout.write(f"{holder} {done}. {pauses.waiting_of(holder).count():,} emails wait to be sent.")
