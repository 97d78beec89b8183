"""manage.py revoke_api_key: ends a key, and says what becomes of what waits."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from delivery.access import holders
from delivery.mailings import revoking
from delivery.management import base
from delivery.models import ApiKey


class Command(base.Command):
    help = "Revokes a key from now on. What waits of it, mailings too, is sent all the same, or cancelled."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", metavar="ID", help="the public id of the key")
        parser.add_argument("--waiting", choices=("send", "cancel"), default="send", help="default: send")

    def handle(self, *args: Any, **options: Any) -> None:
        key = self._key(options["id"])
        cancel = options["waiting"] == "cancel"
        emails, mailings = revoking.revoke(key, cancel=cancel)
        became = "waited and are cancelled" if cancel else "wait and will be sent"
        self.stdout.write(f"{key} is revoked. Emails that {became}: {emails:,}.")
        if mailings:
            became = "are cancelled" if cancel else "go on"
            self.stdout.write(f"Mailings that it started and that {became}: {mailings:,}.")

    def _key(self, public_id: str) -> ApiKey:
        try:
            found = holders.find(None, public_id)
        except holders.Unknown as error:
            raise CommandError(str(error)) from error
        if not isinstance(found, ApiKey):
            raise CommandError(f"There is no key {public_id}.")
        return found
