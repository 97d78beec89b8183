"""manage.py import_contacts: brings a file of contacts in, here and now, with a progress bar."""

import json
import signal
import time
from pathlib import Path
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from delivery import process
from delivery.access import audit
from delivery.audience import claims, groups, imports, runner
from delivery.audience.questions import NotTaken, Question
from delivery.audience.reading import Asked
from delivery.content import directions, headers
from delivery.management import base
from delivery.models import Group, Import, Team
from delivery.models.contact import LONGEST_GROUP

_BAR: Final = 30  # characters
_LOOK_SECONDS: Final = 0.5
_STATUS: Final = Import.Status


class Command(base.Command):
    help = "Imports a CSV or .xlsx file of contacts. Killed at any time, a worker goes on with it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the CSV or .xlsx file")
        parser.add_argument("--team", help="whose contacts; without it: of those who use no API key")
        parser.add_argument("--group", help="the name of the group they join; made if there is none")
        parser.add_argument("--on-existing", choices=Import.OnExisting.values, default="merge")
        parser.add_argument("--encoding", default="", help="such as cp1252, where the file does not say")
        parser.add_argument("--delimiter", default="", help="a comma, a semicolon, a tab or |")
        parser.add_argument("--sheet", default="", help="of a workbook with several")
        parser.add_argument(
            "--header", choices=("true", "false"), help="whether the first line names the columns"
        )
        parser.add_argument(
            "--map", action="append", default=[], metavar="HEADER=FIELD", help="FIELD may be empty"
        )
        parser.add_argument(
            "--from-spreadsheet", action="store_true", help="take off the ' of our own exports"
        )
        parser.add_argument("--dry-run", action="store_true", help="count and show rejects; change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: process.end())
        imported = self._taken(options)
        claimed = claims.take(imported.pk)
        if claimed:
            runner.work(claimed, lambda: not process.is_ending(), _Bar(self).show)
        else:
            self._watch(imported)
        imported.refresh_from_db()
        self._report(imported)

    def _watch(self, imported: Import) -> None:
        """Wait for the worker that was there first."""
        bar = _Bar(self)
        while imported.status in Import.DUE and not process.is_ending():
            time.sleep(_LOOK_SECONDS)
            imported.refresh_from_db()
            bar.show(imported)

    def _taken(self, options: dict[str, Any]) -> Import:
        team = _team(options["team"])
        try:
            with transaction.atomic():
                group = _group(team, options["group"])
                imported = imports.take(team, options["file"], _order(options, group))
                audit.record("import.started", "import", imported.pk, team=team)
        except Question as question:
            shown = json.dumps(question.preview, ensure_ascii=False, indent=2)
            raise CommandError(f"{question}\n{shown}") from question
        except (NotTaken, OSError) as error:
            raise CommandError(str(error)) from error
        return imported

    def _report(self, imported: Import) -> None:
        for reject in imported.rejects.order_by("id")[:20]:
            self.stdout.write(
                f"  line {reject.line}: {reject.column} {reject.get_code_display()}: {reject.value!a}"
            )
        words = ("created", "updated", "unchanged", "duplicates", "failed")
        counts = ", ".join(f"{getattr(imported, word):,} {word}" for word in words)
        self.stdout.write(f"Import {imported.pk} is {imported.status}. {imported.total:,} rows: {counts}.")
        if imported.status not in (_STATUS.DONE, _STATUS.READY):
            raise CommandError(imported.error or "It has not come to its end; a worker goes on with it.")


class _Bar:
    """The progress on a terminal, in one line that the next overwrites."""

    def __init__(self, command: base.Command) -> None:
        self._err, self._began = command.stderr, time.monotonic()

    def show(self, imported: Import) -> None:
        if not self._err.isatty():
            return
        part = min(imported.bytes_read / max(imported.size, 1), 1.0)
        spent = time.monotonic() - self._began
        left = spent / part - spent if part else 0
        bar = "█" * int(part * _BAR) + "░" * (_BAR - int(part * _BAR))
        rate = imported.total / max(spent, 0.1)
        told = f"{bar} {part:4.0%}  {imported.total:,} rows, {rate:,.0f}/s, {left:.0f} s left"
        self._err.write(f"\r\x1b[K{told}", style_func=str, ending="" if part < 1 else "\n")


def _order(options: dict[str, Any], group: Group | None) -> imports.Order:
    mapping = dict(pair.rpartition("=")[::2] for pair in options["map"])
    asked = Asked(
        encoding=options["encoding"],
        delimiter=options["delimiter"].replace("\\t", "\t"),
        header=None if options["header"] is None else options["header"] == "true",
        sheet=options["sheet"],
        from_spreadsheet=options["from_spreadsheet"],
        mapping={name: field or None for name, field in mapping.items()},
    )
    return imports.Order(
        filename=options["file"].name,
        by="import_contacts",
        asked=asked,
        group=group,
        on_existing=options["on_existing"],
        dry_run=options["dry_run"],
    )


def _team(name: str | None) -> Team | None:
    if name is None:
        return None
    try:
        return Team.objects.get(name=name)
    except Team.DoesNotExist:
        raise CommandError(f"There is no team {name!a}.") from None


def _group(team: Team | None, name: str | None) -> Group | None:
    if name is None:
        return None
    try:
        headers.refuse_controls(name)
    except headers.InvalidHeader as error:
        raise CommandError(f"The name of the group {error}.") from error
    name = directions.named(name)
    if not 1 <= len(name) <= LONGEST_GROUP:
        raise CommandError(f"The name of a group has 1 to {LONGEST_GROUP} characters.")
    return groups.of(team).filter(name=name).first() or groups.create(team, name=name)
