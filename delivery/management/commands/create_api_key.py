"""manage.py create_api_key: issues a key to a team."""

from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from delivery.access import key_rules, keys, leaving, scopes
from delivery.content import addresses, headers
from delivery.db import clock
from delivery.files import output
from delivery.management import base

_LONGEST = 100  # characters of a name
_MOST_DAYS = 36_500


class Command(base.Command):
    help = "Issues an API key and prints its token once, alone on the last line."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "team", metavar="TEAM", help="whose emails it will send; a new name makes a team of it"
        )
        parser.add_argument("--name", default="", help="of the key, for people")
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
        parser.add_argument(
            "--network",
            action="append",
            default=[],
            help="an address or network from which it may be used, 192.0.2.0/24; may be repeated; default: any",
        )
        parser.add_argument("--expires", metavar="DAYS", type=int, help="after so many days; default: never")

    def handle(self, *args: Any, **options: Any) -> None:
        rights = {
            "scopes": options["scope"] or keys.USUAL_SCOPES,
            "from_addresses": options["from_address"],
            "networks": options["network"],
            "expires_at": _end(options["expires"]),
        }
        if not 1 <= len(options["team"].strip()) <= _LONGEST or len(options["name"]) > _LONGEST:
            raise CommandError(f"A name has 1 to {_LONGEST} characters.")
        try:
            headers.refuse_controls(options["team"] + options["name"])
            with transaction.atomic():
                _, token = keys.issue(options["team"], name=options["name"], **rights)
                self._tell(token)
        except (addresses.InvalidAddress, key_rules.InvalidNetwork, leaving.Leaving) as error:
            raise CommandError(str(error)) from error
        except headers.InvalidHeader as error:
            raise CommandError(f"The name {error}.") from error

    def _tell(self, token: str) -> None:
        """Print the key; raise CommandError if it cannot be, because nobody would ever know it."""
        self.stdout.write("Keep it now; it is not shown again:")
        self.stdout.write(token)
        if output.was_lost():
            raise CommandError("The key could not be written out, so it was not made.")


def _end(days: int | None) -> Any:
    if days is None:
        return None
    if not 1 <= days <= _MOST_DAYS:
        raise CommandError(f"A key expires after 1 to {_MOST_DAYS:,} days.")
    return clock.now() + timedelta(days=days)
