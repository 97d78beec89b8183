"""The argument TEAM|--key ID of several commands."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from delivery.access import holders
from delivery.models import ApiKey, Owner


def add_holder(parser: CommandParser) -> None:
    """Let a command take an owner, or a key."""
    parser.add_argument("team", nargs="?", metavar="TEAM", help="the name of an owner")
    parser.add_argument("--key", metavar="ID", help="the public id of a key, instead of an owner")


def holder(options: dict[str, Any]) -> Owner | ApiKey:
    """Return the owner or the key that was named."""
    try:
        return holders.find(options["team"], options["key"])
    except holders.Unknown as error:
        raise CommandError(str(error)) from error
