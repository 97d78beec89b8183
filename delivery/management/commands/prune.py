"""manage.py prune: deletes old emails, bodies, attachments and Idempotency-Keys."""

from argparse import ArgumentTypeError
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from delivery.db import clock
from delivery.management import base
from delivery.retention import prune

_HELP = """Deletes the bodies, the attachments and at last the rows of emails that were finished so many days ago; 0
keeps them for ever. Mailings that are over go with the emails. Emails that are waiting, being sent, unknown or in
quarantine stay. Expired Idempotency-Keys, and files that no email needs, are deleted as well. May be killed at any
time, and run again."""
_MOST_DAYS = 36_500
_RULES = (
    (prune.EMAILS, "emails"),
    (prune.BODIES, "bodies"),
    (prune.ATTACHMENTS, "attachments"),
)
_WITH_EMAILS = (prune.RECIPIENTS, prune.MAILINGS)  # are kept as long as these
_ALWAYS = (
    prune.KEYS,
    prune.CHANGES,
    prune.INCIDENTS,
    prune.DIGESTS,
    prune.EVENTS,
    prune.TOKENS,
    prune.WEBHOOKS,
    prune.ENDPOINTS,
    prune.SOFT_BOUNCES,
    prune.MAIL_HOURS,
    prune.SUPPRESSIONS,
    prune.REJECTS,
    prune.TRIES,
)


class Command(base.Command):
    help = _HELP
    _gone: dict[str, int]  # how many of each kind were deleted

    def add_arguments(self, parser: CommandParser) -> None:
        for rule, option in _RULES:
            name = f"GOMAIL_KEEP_{option.upper()}_DAYS"
            parser.add_argument(
                f"--{option}",
                type=_days,
                metavar="DAYS",
                default=getattr(settings, name),
                help=f"keep {rule.name} for so many days; default: {name}, %(default)s",
            )
        parser.add_argument("--dry-run", action="store_true", help="only count what would be deleted")

    def handle(self, *args: Any, **options: Any) -> None:
        self._went = "{}: {:,} would be deleted." if options["dry_run"] else "{}: {:,} deleted."
        work = prune.count if options["dry_run"] else prune.prune
        files = prune.count_files if options["dry_run"] else prune.prune_files
        now, self._gone = clock.now(), {}
        try:
            for rule, option in _RULES:
                if days := options[option]:
                    self._report(rule.name, work(rule, now - timedelta(days=days)))
            if days := options["emails"]:
                for rule in _WITH_EMAILS:
                    self._report(rule.name, work(rule, now - timedelta(days=days)))
            for rule in _ALWAYS:
                self._report(rule.name, work(rule, now))
            self._report("files that no email needs", files())
        finally:
            if self._gone and not options["dry_run"]:
                base.record("retention.pruned", "retention", "", {"deleted": self._gone})

    def _report(self, name: str, counts: Iterable[int]) -> None:
        total, what, name = 0, name, name[:1].upper() + name[1:]
        for count in counts:
            total += count
            if total:
                self._gone[what] = total
            self._tell(f"{name}: {total:,} …")
        self._tell("")
        self.stdout.write(self._went.format(name, total))

    def _tell(self, progress: str) -> None:
        """Show the progress on a terminal, in one line that the next overwrites."""
        if self.stderr.isatty():
            self.stderr.write(f"\r\x1b[K{progress}", style_func=str, ending="")


def _days(text: str) -> int:
    if not (
        text.isascii() and text.isdigit() and len(text) <= len(str(_MOST_DAYS)) and int(text) <= _MOST_DAYS
    ):
        raise ArgumentTypeError(f"{text!r} is not a number of days up to {_MOST_DAYS:,}; 0 keeps for ever")
    return int(text)
