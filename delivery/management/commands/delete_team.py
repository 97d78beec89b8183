"""manage.py delete_team: deletes a team with all that is its own, and says how far it is."""

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser

from delivery.deletion import job, orders, outlook
from delivery.management import base
from delivery.models import Team, TeamDeletion

_HELP = """Deletes a team: its keys stop, what waits is cancelled, what a provider has is finished, and then everything
of the team goes. The audit stays. May be killed at any time, and run again; a worker goes on with it, too."""
_PATIENCE = 180.0  # seconds of waiting for something
_POLL = 1.0


class Command(base.Command):
    help = _HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("team", metavar="TEAM", help="the team's name")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        self._report(self._delete(self._begun(options["team"]) or self._order(options)))

    def _begun(self, name: str) -> TeamDeletion | None:
        return TeamDeletion.objects.filter(name=name, finished_at=None).first()

    def _order(self, options: dict[str, Any]) -> TeamDeletion:
        team = Team.objects.filter(name=options["team"]).first()
        if team is None:
            raise CommandError(f"There is no team {options['team']}.")
        self.stdout.write("\n".join(outlook.sentences(outlook.of(team))))
        if not options["yes"]:
            self._ask(team)
        return orders.give(team, orders.SHELL)

    def _ask(self, team: Team) -> None:
        answer = base.confirmed(team.name)
        if answer.strip() != team.name:
            raise CommandError("Nothing was changed.")

    def _delete(self, deletion: TeamDeletion) -> TeamDeletion:
        """Go on until it is done; what it waits for must move within a while."""
        until = time.monotonic() + _PATIENCE
        deletion = job.run(deletion, tell=self._tell)
        while not deletion.finished_at and time.monotonic() < until:
            self._tell(deletion)
            time.sleep(_POLL)
            before = deletion.counts
            deletion = job.run(deletion, tell=self._tell)
            if deletion.counts != before:
                until = time.monotonic() + _PATIENCE
        self._clear()
        return deletion

    def _report(self, deletion: TeamDeletion) -> None:
        for name, number in sorted(deletion.counts.items()):
            self.stdout.write(f"{name}: {number:,}")
        if deletion.finished_at:
            self.stdout.write(f"Done. {deletion.name} is deleted. Deletion {deletion.pk}")
        else:
            later = "The worker ends it; you may also run this again."
            self.stdout.write(f"Not done yet. {deletion.waits_for} {later}")

    def _tell(self, deletion: TeamDeletion) -> None:
        """Show the progress on a terminal, in one line that the next overwrites."""
        if self.stderr.isatty():
            said = deletion.waits_for or outlook.progress(deletion)
            self.stderr.write(f"\r\x1b[K{said}", style_func=str, ending="")

    def _clear(self) -> None:
        if self.stderr.isatty():
            self.stderr.write("\r\x1b[K", style_func=str, ending="")
