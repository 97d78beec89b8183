"""manage.py create_api_key: issues a key to an application."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from delivery.access import keys, scopes
from delivery.content import addresses, headers
from delivery.files import output
from delivery.management import base

_LONGEST_NAME = 100


class Command(base.Command):
    help = "Issues an API key and prints its token once, alone on the last line."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "name", help="the application that will use the key; several keys may share a name"
        )
        parser.add_argument(
            "--scope",
            action="append",
            choices=scopes.NAMES,
            help="may be repeated; default: whatever sending and reading the log take, but not essential.send",
        )
        parser.add_argument(
            "--from-address",
            action="append",
            default=[],
            help="a sender or @domain it may use; may be repeated; default: any",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        given = options["scope"] or keys.USUAL_SCOPES
        if not 1 <= len(options["name"].strip()) <= _LONGEST_NAME:
            raise CommandError(f"A name has 1 to {_LONGEST_NAME} characters.")
        try:
            headers.refuse_controls(options["name"])
            with transaction.atomic():
                _, token = keys.issue(options["name"], scopes=given, from_addresses=options["from_address"])
                self._tell(token)
        except addresses.InvalidAddress as error:
            raise CommandError(str(error)) from error
        except headers.InvalidHeader as error:
            raise CommandError(f"The name {error}.") from error

    def _tell(self, token: str) -> None:
        """Print the key; raise CommandError if it cannot be, because nobody would ever know it."""
        self.stdout.write("Keep it now; it is not shown again:")
        self.stdout.write(token)
        if output.was_lost():
            raise CommandError("The key could not be written out, so it was not made.")
