"""manage.py run_imports: runs the due imports of contacts; started by the worker."""

import os
import signal
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser

from delivery import process
from delivery.audience import runner
from delivery.management import base

_NICE = 5  # emails go first


class Command(base.Command):
    requires_system_checks = ()  # the worker has run them
    help = "Runs the imports that are due, one after the other; run by the worker."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--as", type=UUID, dest="identity", help="the id of this process, for its claims")

    def handle(self, *args: Any, **options: Any) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: process.end())
        if options["identity"]:
            process.adopt(options["identity"])
        with suppress(OSError):
            os.nice(_NICE)
        while not process.is_ending() and runner.step(lambda: not process.is_ending()):
            pass
