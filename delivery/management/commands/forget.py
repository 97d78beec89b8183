"""manage.py forget: erases a person from everything that is kept, and says what was erased."""

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser

from delivery.content.addresses import InvalidAddress
from delivery.erasure import forget, outlook, people, reach
from delivery.erasure.people import Person
from delivery.management import base
from delivery.models import Erasure

_HELP = """Forgets the person with this address: in emails, files, events, webhooks, suppressions, contacts, the audit.
What waits for the person is cancelled. A suppression stays and works, without the address. May be killed at any time,
and run again."""
_PATIENCE = 90.0  # seconds; an email that is being sent is finished by then
_POLL = 1.0


class Command(base.Command):
    help = _HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("address", metavar="ADDRESS")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        person = self._person(options["address"])
        self.stdout.write("\n".join(outlook.sentences(outlook.of(person, reach.EVERYWHERE))))
        if not options["yes"]:
            self._ask(person)
        self._report(self._forget(forget.start(person, reach.EVERYWHERE, by="manage.py forget")))

    def _person(self, address: str) -> Person:
        try:
            return people.find(address)
        except InvalidAddress as error:
            raise CommandError(str(error)) from error
        except people.NoKeys as error:
            raise CommandError(f"{error} {people.HOW_TO_MAKE_KEYS}") from error

    def _ask(self, person: Person) -> None:
        answer = base.confirmed(person.address)
        if not person.is_named(answer):
            raise CommandError("Nothing was changed.")

    def _forget(self, erasure: Erasure) -> Erasure:
        """Go on until it is done, and for a while with what it has to wait for."""
        until = time.monotonic() + _PATIENCE
        erasure = forget.run(erasure, tell=self._tell)
        while not erasure.finished_at and time.monotonic() < until:
            self._tell(erasure)
            time.sleep(_POLL)
            erasure = forget.run(erasure, tell=self._tell)
        self._clear()
        return erasure

    def _report(self, erasure: Erasure) -> None:
        for name, number in sorted(erasure.counts.items()):
            self.stdout.write(f"{name.replace('_', ' ')}: {number:,}")
        if erasure.finished_at:
            self.stdout.write(f"Done. Erasure {erasure.pk}: {erasure.digest}")
        else:
            later = "The worker ends it; you may also run this again."
            self.stdout.write(f"Not done yet. {erasure.waits_for} {later} Erasure {erasure.pk}")

    def _tell(self, erasure: Erasure) -> None:
        """Show the progress on a terminal, in one line that the next overwrites."""
        if self.stderr.isatty():
            looked = erasure.counts.get("looked_through", 0)
            emails = erasure.counts.get("emails", 0)
            said = erasure.waits_for or f"{emails:,} emails; {looked:,} rows looked through …"
            self.stderr.write(f"\r\x1b[K{said}", style_func=str, ending="")

    def _clear(self) -> None:
        if self.stderr.isatty():
            self.stderr.write("\r\x1b[K", style_func=str, ending="")
