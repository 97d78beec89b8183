"""manage.py sync_suppressions: reads the vendors' suppression lists, and pushes ours when asked."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from delivery.management import base
from delivery.suppressions import sync, vendors
from delivery.suppressions.sync import Report
from providers.suppressions import Lists

_HELP = """Reads the suppression lists of SES, SendGrid, Mailgun and Mandrill, so that no provider is offered mail to an
address that one of them has given up. Reads what is new since the last time and a day before it; Mailgun and Mandrill
tell everything each time. May be run at any time, by cron for instance; one process at a time reads an account. Exit
status: 1 if any account could not be read as a whole."""


class Command(base.Command):
    help = _HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "account", nargs="*", help="names in GOMAIL_PROVIDERS; default: all that have lists"
        )
        parser.add_argument("--full", action="store_true", help="read everything, not only what is new")
        parser.add_argument(
            "--push",
            action="store_true",
            help="also put ours on the vendors' lists: what is suppressed for all, and whatever bounced; there it "
            "stops every mail, of every purpose",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        accounts = _chosen(options["account"])
        done = [
            self._run(name, lists, full=options["full"], push=options["push"])
            for name, lists in accounts.items()
        ]
        if not all(done):
            raise CommandError("Not every list was read as a whole; see above.")

    def _run(self, name: str, lists: Lists, *, full: bool, push: bool) -> bool:
        try:
            report = sync.run(name, lists, full=full, push=push)
        except sync.Busy:
            self.stderr.write(f"{name}: another process reads its lists now.")
            return False
        if report.new or report.pushed:
            base.record("suppressions.synced", "provider", name, {"new": report.new, "pushed": report.pushed})
        self.stdout.write(_told(report, pushed=push))
        if report.problem:
            self.stderr.write(report.problem)
        return not report.problem


def _told(report: Report, *, pushed: bool) -> str:
    told = f"{report.account}: {report.read:,} read, {report.new:,} new"
    return f"{told}, {report.pushed:,} pushed" if pushed else told


def _chosen(names: list[str]) -> dict[str, Lists]:
    known = vendors.lists()
    if missing := [name for name in names if name not in known]:
        raise CommandError(
            f"{missing[0]} has no suppression lists; those that have: {', '.join(known) or 'none'}."
        )
    return {name: known[name] for name in names or known}
