"""manage.py try_suspects: hands over the suspects one by one; run by the worker, as it may crash."""

import signal
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser

from delivery import journal, process
from delivery.management import base
from delivery.recovery import quarantine


class Command(base.Command):
    help = "Hands over, one by one, emails that were in two processes that crashed; run by the worker."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--as", type=UUID, dest="identity", help="the id of this process, for its claims")

    def handle(self, *args: Any, **options: Any) -> None:
        # A supervisor may signal this process together with the worker, which waits for it.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: process.end())
        if options["identity"]:
            process.adopt(options["identity"])
        journal.begin()
        quarantine.try_all()
        journal.close()
