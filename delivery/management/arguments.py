"""The argument TEAM|--key ID of several commands."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from delivery.access import holders
from delivery.models import ApiKey, Team


def add_holder(parser: CommandParser) -> None:
    """Let a command take a team, or a key."""
    parser.add_argument("team", nargs="?", metavar="TEAM", help="the name of a team")
    parser.add_argument("--key", metavar="ID", help="the public id of a key, instead of a team")


def holder(options: dict[str, Any]) -> Team | ApiKey:
    """Return the team or the key that was named."""
    try:
        return holders.find(options["team"], options["key"])
    except holders.Unknown as error:
        raise CommandError(str(error)) from error


def waiting(count: int) -> str:
    """Say how many emails wait."""
    return "1 email waits" if count == 1 else f"{count:,} emails wait"
