"""manage.py add_member: invites a person to a team."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from delivery.access import leaving, members
from delivery.access.scopes import Role
from delivery.content import addresses
from delivery.files import output
from delivery.management import base
from delivery.models import Team


class Command(base.Command):
    help = "Invites a person to a team and prints the link once, alone on the last line."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("team", metavar="TEAM", help="the team's name")
        parser.add_argument("email", metavar="EMAIL", help="whoever accepts must have this address")
        parser.add_argument("--role", required=True, choices=Role.values)

    def handle(self, *args: Any, **options: Any) -> None:
        team = Team.objects.filter(name=options["team"]).first()
        if team is None:
            raise CommandError(f"There is no team {options['team']}.")
        try:
            with transaction.atomic():
                _, token = members.invite(team, options["email"], options["role"], None)
                self._tell(token)
        except (addresses.InvalidAddress, members.Refused, leaving.Leaving) as error:
            raise CommandError(str(error)) from error

    def _tell(self, token: str) -> None:
        """Print the link; raise CommandError if it cannot be, because nobody would ever know it."""
        self.stdout.write(f"Give it to the person; it works once, for {members.VALID.days} days:")
        self.stdout.write(f"{settings.GOMAIL_PUBLIC_URL}{members.path(token)}")
        if output.was_lost():
            raise CommandError("The link could not be written out, so nobody was invited.")
