"""manage.py resume: ends the pause of a team or a key."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from delivery.access import brake, leaving, pauses
from delivery.management import arguments, base
from delivery.models import ApiKey, Team


class Command(base.Command):
    help = "Ends the pause of a team or a key: what waits is sent, its deadlines are later by the pause."

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_holder(parser)
        parser.add_argument(
            "--marketing",
            action="store_true",
            help="let a team's marketing mail go on that bounces have stopped",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        holder = arguments.holder(options)
        if options["marketing"]:
            self._lift(holder)
            return
        try:
            done = "is resumed" if pauses.resume(holder) else "was not paused"
        except leaving.Leaving as refusal:
            raise CommandError(str(refusal)) from refusal
        waits = arguments.waiting(pauses.waiting_of(holder).count())
        self.stdout.write(f"{holder} {done}. {waits} to be sent.")

    def _lift(self, holder: Team | ApiKey) -> None:
        if not isinstance(holder, Team):
            raise CommandError("Marketing mail is paused for a team, not for a key.")
        done = "goes on" if brake.lift(holder) else "was not paused"
        waits = arguments.waiting(brake.waiting_of(holder).count())
        self.stdout.write(f"The marketing mail of {holder} {done}. {waits} to be sent.")
