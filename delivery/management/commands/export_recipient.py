"""manage.py export_recipient: writes all that is kept of one person, as JSON."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from delivery.content.addresses import InvalidAddress
from delivery.erasure import documents, export, people, reach
from delivery.management import base


class Command(base.Command):
    help = "Writes all that is kept of the person with this address, in all teams, as one JSON document."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("address", metavar="ADDRESS")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            person = people.named(options["address"])
        except InvalidAddress as error:
            raise CommandError(str(error)) from error
        for piece in documents.pieces(export.of(person, reach.EVERYWHERE)):
            self.stdout.write(piece, ending="")
