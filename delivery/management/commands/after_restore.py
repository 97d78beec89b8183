"""manage.py after_restore: after an older state of the database came back, so that nothing goes twice in silence."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from delivery.db import clock
from delivery.events import parked
from delivery.journal import Entry
from delivery.management import base
from delivery.recovery import restores
from delivery.recovery.restores import Report

_HELP = """Run it once after a backup was restored or a standby took over that lacked the latest commits. What was due
or under way since then may have been sent: it becomes `unknown`, and by its own on_ambiguous it is sent again, marked
as a possible duplicate, or is not. What the journal of this machine knows to have been accepted, and whose email is not
in this database any more, is listed. Running it again changes nothing. It sends nothing itself."""
_SHOWN = 50  # lines; the file has them all


class Command(base.Command):
    help = _HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--taken-at",
            metavar="T",
            help="when the restored state was saved, or a moment after it, in ISO 8601: emails created later count "
            "as new. Without it: until GoMail noticed the restore by itself, or else until now",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be done, and change nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        taken_at = _moment(options["taken_at"])
        work = restores.look if options["dry_run"] else restores.after_restore
        report = work(taken_at=taken_at)
        told = 0 if options["dry_run"] else parked.apply()  # before the hold of what is in doubt now is over
        if not options["dry_run"]:
            counts = {"resend": report.resend, "stop": report.stop, "settled": report.settled}
            base.record(
                "restore.settled", "restore", "", {"until": report.until, "gone": len(report.gone), **counts}
            )
        self.stdout.write("\n".join(_lines(report, dry_run=options["dry_run"])))
        if told:
            self.stdout.write(f"Events that had waited for their attempts and count now: {told:,}")


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = parse_datetime(text)
    except ValueError:  # well formed, and no such day
        moment = None
    if moment is None:
        raise CommandError(f"--taken-at is {text!r}; write a moment as 2026-11-28T04:00:00Z.")
    if timezone.is_naive(moment):
        raise CommandError(f"--taken-at is {text!r}, without a time zone; write it as {text}Z for UTC.")
    if moment > clock.now():
        raise CommandError(f"--taken-at is {text!r}, which has not come yet.")
    return moment


def _lines(report: Report, *, dry_run: bool) -> Iterator[str]:
    would = "would be " if dry_run else ""
    noticed = "GoMail had noticed it, and held them." if report.was_held else "GoMail had not noticed it."
    yield f"An older state of the database: emails created until {report.until:%Y-%m-%d %H:%M:%S} UTC. {noticed}"
    yield f"May have been sent, {would}sent again and marked as possible duplicates: {report.resend:,}"
    yield f"May have been sent, {would}left unknown (on_ambiguous=stop, or in doubt too often): {report.stop:,}"
    yield f"Were accepted by a provider, which the journal proves, {would}settled: {report.settled:,}"
    yield f"Attempts that the journal knows, and whose emails are not in this database any more: {len(report.gone):,}"
    yield from (f"  {_told(entry)}" for entry in report.gone[:_SHOWN])
    if len(report.gone) > _SHOWN:
        yield f"  and {len(report.gone) - _SHOWN:,} more"
    yield from _what_to_do(report, dry_run=dry_run)


def _told(entry: Entry) -> str:
    email = entry.email or "of an earlier version's journal"
    provider = entry.provider or "a provider"
    what = entry.provider_message_id or entry.detail
    return f"{entry.at or 'at an unknown time'}  email {email}  {entry.outcome} by {provider}  {what}"


def _what_to_do(report: Report, *, dry_run: bool) -> Iterator[str]:
    yield ""
    if dry_run:
        yield "Nothing was changed. Run it without --dry-run."
        return
    if report.listed_in:
        yield f"That list stands in {report.listed_in}. These emails were accepted, and nobody sends them again; tell"
        yield "their senders, who find no trace of them in the log."
    if report.stop:
        yield "Settle what is left unknown in the admin (filter: unknown, waits for a person)."
    yield "What was accepted from clients after that state was saved, and not sent yet, is in no file: a client that"
    yield "asks for its email gets 404, and sends it again. Run this command on every machine that has a journal."
    yield "Then `manage.py doctor` says whether all is well."
