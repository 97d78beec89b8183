"""One fault being played: an installation, its customers, its nemesis, and what is learned."""

import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults import mails, places, processes, promises
from tests.faults.customers import Customers
from tests.faults.evidence import Evidence
from tests.faults.installation import Databases, Installation, ask, commands
from tests.faults.nemesis import Nemesis
from tests.faults.places import Kind, Place
from tests.faults.promises import Promise
from tests.faults.vendors import Vendors

_HURRY = 10.0  # seconds after which nobody waits for a pause to end
_NEARLY = 0.9  # of the letters there may be fewer: a customer without a key does not repeat an order


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One fault."""

    name: str
    says: str
    play: "Callable[[Scene], None]"
    place: Kind = places.usual
    on: tuple[str, ...] = ("SQLite", "PostgreSQL")
    promise: Promise = field(default_factory=Promise)
    failpoints: dict[str, float] = field(default_factory=dict)
    web_failpoints: dict[str, float] = field(default_factory=dict)  # of the server's processes alone
    web: int = 2  # processes
    workers: int = 2
    letters: int = 200  # at least
    kills: int = 0  # at least
    rate: float = 10.0  # orders per second
    customers: int = 24
    seconds: float = 120.0  # at most, without the drain
    drain: float = 180.0  # seconds at most until one email more is settled
    kinds: Mapping[str, int] = field(default_factory=dict)  # of orders, with their weights; empty: all
    policies: tuple[str, ...] = ("resend", "resend", "stop")
    keyless: float = 0.1
    defect: str = ""  # see defective
    web_defect: str = ""  # of the server's processes alone
    worker_defect: str = ""
    threads: int = 12  # of a web process
    worker_threads: int = 4
    vendors: str = "ok"  # how they are meanwhile
    engine: str = "embedded"  # or celery: what kind of workers


class Scene:
    """One trial being played."""

    def __init__(self, trial: Trial, seed: int, gomail: Installation, vendors: Vendors, place: Place) -> None:
        self.trial, self.gomail, self.vendors, self.place = trial, gomail, vendors, place
        self.dice = random.Random(f"{seed} {trial.name}")
        self.customers = Customers(gomail.port, trial.customers, self.dice)
        self.customers.kinds = trial.kinds or self.customers.kinds
        self.customers.policies, self.customers.keyless = trial.policies, trial.keyless
        self.nemesis = Nemesis(gomail, random.Random(f"{seed} {trial.name} nemesis"))
        self.figures: dict[str, str] = {}
        self.broken: list[str] = []  # what the trial promises beyond what all do
        self.kills = 0
        self.infected: set[str] = set()  # emails with malware
        self.gone: set[str] = set()  # emails that an older state of the database does not have any more

    def expect(self, kept: bool, sentence: str) -> None:
        """Note a sentence unless a promise was kept."""
        self.broken += [] if kept else [sentence]

    def ask(self, statement: str) -> int:
        """Return the number that the database answers."""
        return int(ask(self.gomail.watched, statement)[0][0])

    def rows(self, statement: str) -> list[Any]:
        """Return the rows that the database answers."""
        return ask(self.gomail.watched, statement)

    def has_enough(self) -> bool:
        """Whether so many emails were ordered, and so many processes killed, as the trial wants."""
        enough = self.customers.letters >= self.trial.letters
        return enough and self.nemesis.kills >= self.trial.kills

    def is_due_for_a_kill(self) -> bool:
        """Whether fewer processes were killed so far than the emails that were ordered so far ask for."""
        return self.nemesis.kills <= self.trial.kills * self.customers.letters / self.trial.letters

    def drain(self) -> None:
        """Wait until nothing is left to be done, with well vendors."""
        for vendor in ("ses", "sendgrid"):
            self.vendors.turn(vendor, "ok")
        begun = time.monotonic()
        with suppress(processes.Late):
            self._wait_until_settled()
            self.figures["drained"] = f"{time.monotonic() - begun:.0f} s"
        points = self.nemesis.at_points()
        self.kills = self.nemesis.kills
        self.figures |= {"kills": str(self.kills)} if self.kills else {}
        self.figures |= {"at points": ", ".join(f"{n} {c}" for n, c in points.items())} if points else {}

    def _wait_until_settled(self) -> None:
        """Wait as long as there is progress, however slow the machine; raise Late when there is none."""
        while before := self._left():
            with suppress(processes.Late):
                processes.eventually(lambda: not self._left(), seconds=_HURRY, pause=0.5)
                return
            self.gomail.hurry()
            processes.eventually(lambda at=before: self._left() < at, seconds=self.trial.drain, pause=0.5)

    def _left(self) -> int:
        return self.gomail.unsettled() + len(self.gomail.journals())

    def evidence(self) -> Evidence:
        """Join all that is known; the processes have ended."""
        orders = [o for o in self.customers.orders if not self.gone.intersection(*(e.ids for e in o.taken))]
        return Evidence(
            answers=[answer for order in orders for answer in order.answers if answer.id not in self.gone],
            ledger=[entry for entry in self.vendors.ledger() if entry.email not in self.gone],
            record=self.gomail.record(),
            log=self.gomail.log(),
            orders=orders,
            asked={one["subject"]: mails.of_letter(one) for order in orders for one in order.letters},
            journals=[file.name for file in self.gomail.journals()],
            ailments=self.gomail.ailments(),
            kills=self.kills,
            infected=self.infected,
        )


def played(
    trial: Trial, seed: int, databases: Databases, vendors: Vendors, folder: Path
) -> tuple[Scene, Evidence]:
    """Play one trial; what it broke stands in the scene. Raises LeftOut where the machine does not allow it."""
    folder.mkdir()
    with trial.place(databases, folder) as place:
        gomail = Installation(
            place.database,
            place.logs or folder,
            _variables(trial, seed) | vendors.variables() | _data(place) | place.variables,
            commands(trial.workers, trial.engine).with_defect(
                trial.defect, web=trial.web_defect, worker=trial.worker_defect
            ),
        )
        gomail.web_variables = _armed(seed, trial.failpoints | trial.web_failpoints)
        gomail.watched = place.watched or place.database
        scene = Scene(trial, seed, gomail, vendors, place)
        with gomail.running():
            trial.play(scene)
            scene.drain()
        for name, process in gomail.parents.items():
            scene.expect(process.returncode == 0, f"{name} did not end in order: {process.returncode}")
        evidence = scene.evidence()
    scene.broken += promises.broken(evidence, trial.promise)
    return scene, evidence


def too_small(trial: Trial, evidence: Evidence) -> list[str]:
    """Return a sentence if the machine was too slow for a trial of the size that it must have."""
    seen = [(evidence.kills, trial.kills, "kills"), (len(evidence.record.emails), trial.letters, "emails")]
    return [f"only {found} {what} of {least}" for found, least, what in seen if found < least * _NEARLY]


def _variables(trial: Trial, seed: int) -> Mapping[str, str]:
    return {
        **_armed(seed, trial.failpoints),
        "GOMAIL_PROVIDERS": "ses,sendgrid",
        "GOMAIL_TESTING": "true",
        "WEB_CONCURRENCY": str(trial.web),
        "WEB_THREADS": str(trial.threads),
        "WORKER_THREADS": str(trial.worker_threads),
    }


def _armed(seed: int, points: Mapping[str, float]) -> Mapping[str, str]:
    words = [f"seed={seed}", *(f"{point}={probability}" for point, probability in points.items())]
    return {"GOMAIL_FAILPOINTS": ",".join(words) if points else ""}


def _data(place: Place) -> Mapping[str, str]:
    return {
        "GOMAIL_STORAGE_DIR": str(place.data / "attachments"),
        "GOMAIL_JOURNAL_DIR": str(place.data / "journal"),
    }
