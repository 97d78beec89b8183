"""manage.py alert: tells people that nothing is wrong, to see whether they can be told."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from delivery.management import base
from delivery.monitoring import messages, telling


class Command(base.Command):
    help = "Sends a test by each of GOMAIL_ALERT_URLS. Exit status: 0 all have taken it; 1 one has not."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--test", action="store_true", required=True, help="send the test")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.ALERT_SECRETS:
            raise CommandError("GOMAIL_ALERT_URLS is empty: nobody is told of anything. See docs/alerts.md.")
        result = telling.tell(messages.test())
        for way in result.told:
            self.stdout.write(f"told      {way}")
        for way in result.failed:
            self.stdout.write(f"NOT TOLD  {way}")
        if result.failed:
            raise SystemExit(1)
