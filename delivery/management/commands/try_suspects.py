"""manage.py try_suspects: hands over, one by one, the emails that may end their process; the worker starts it."""

import signal
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandParser

from delivery import journal, process
from delivery.recovery import quarantine


class Command(BaseCommand):
    help = "Hands over, one by one, the emails that were there when two processes ended; the worker calls it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--as", type=UUID, dest="identity", help="the name under which they are claimed")

    def handle(self, *args: Any, **options: Any) -> None:
        # Who stops the worker may stop this process as well; the worker waits for it.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: process.end())
        if options["identity"]:
            process.adopt(options["identity"])
        journal.begin()
        quarantine.try_all()
        journal.close()
