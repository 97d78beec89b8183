"""The first provider's bad days, as one table, and how each is played."""

import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import processes
from tests.faults.checks import Expected
from tests.faults.clients import Answer, Crowd
from tests.faults.evidence import Evidence
from tests.faults.installation import Installation
from tests.faults.vendors import Vendors

WARM_UP = 64  # emails before the bad day begins: every process has loaded its libraries then
_LONGEST_BURST, _LONGEST_DRAIN = 150.0, 150.0  # seconds
_WAVE = 4.0  # seconds: two until the circuit is ripe, and two in which all processes want to try it
_ENOUGH = 1_000_000  # emails: the time ends a wave


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How large a run is, and what it may use."""

    emails: int
    clients: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One bad day."""

    name: str
    says: str
    play: "Callable[[Stage], None]"
    ill: Mapping[str, str] = field(default_factory=dict)  # vendor: mode
    providers: str = "ses,sendgrid"
    policies: tuple[str, ...] = ("resend",)
    expected: Expected = field(default_factory=Expected)
    waves: int = 0  # times in which an open circuit is made ripe, and all clients send at once
    judged: str = ""  # what of the throughput has a goal: whole, or after (the circuit has opened)


class Stage:
    """One scenario being played: what is asked of GoMail, and what is learned."""

    def __init__(self, scenario: Scenario, setting: Setting, gomail: Installation, vendors: Vendors) -> None:
        self.scenario, self.setting = scenario, setting
        self.gomail, self.vendors = gomail, vendors
        dice = random.Random(f"{setting.seed} {scenario.name}")
        self.crowd = Crowd(gomail.port, setting.clients, scenario.policies, dice)
        self.burst: list[Answer] = []
        self.unsent = 0
        self.ill_at, self.well_at = 0.0, float("inf")
        self.drained: float | None = None

    def fall_ill(self) -> None:
        for vendor, mode in self.scenario.ill.items():
            self.vendors.turn(vendor, mode)
        self.ill_at = time.time()

    def recover(self) -> None:
        for vendor in self.scenario.ill:
            self.vendors.turn(vendor, "ok")
        self.well_at = time.time()

    def send(self, number: int, rate: float = 0.0) -> None:
        """Send emails that are measured."""
        answers = self.crowd.send(number, seconds=_LONGEST_BURST, rate=rate)
        self.burst += answers
        self.unsent += number - len(answers)

    def tempt(self) -> None:
        """Make an open circuit ripe while all clients send: one of all processes may try the provider."""
        self.gomail.ripen()
        self.crowd.send(_ENOUGH, seconds=_WAVE)

    def drain(self) -> None:
        """Wait until the worker has nothing left to do."""
        with suppress(processes.Late):
            self.drained = processes.eventually(
                lambda: self.gomail.waiting() == 0, seconds=_LONGEST_DRAIN, pause=1.0
            )

    def evidence(self) -> Evidence:
        """Join all that is known; the processes have ended."""
        return Evidence(
            answers=self.crowd.log,
            ledger=self.vendors.ledger(),
            record=self.gomail.record(),
            log=self.gomail.log(),
            asked=self.crowd.asked,
            unsent=self.unsent,
            ill_at=self.ill_at,
            well_at=self.well_at,
        )


def played(
    scenario: Scenario, setting: Setting, database: str, vendors: Vendors, folder: Path
) -> tuple[Stage, Evidence]:
    """Play one scenario on an empty database."""
    folder.mkdir()
    variables = vendors.variables() | {"GOMAIL_PROVIDERS": scenario.providers}
    gomail = Installation(database, folder, variables)
    stage = Stage(scenario, setting, gomail, vendors)
    with gomail.running():
        stage.crowd.send(WARM_UP, seconds=_LONGEST_BURST)
        scenario.play(stage)
        stage.drain()
    return stage, stage.evidence()


def bad_day(stage: Stage) -> None:
    """The first provider stays ill; the second carries the load."""
    stage.fall_ill()
    stage.send(stage.setting.emails)
    for _ in range(stage.scenario.waves):
        stage.tempt()


def recovery(stage: Stage) -> None:
    """The first provider is well again after a while: half a minute until a probe, another one of ramp."""
    rate = max(stage.setting.emails / 90, 4.0)
    stage.fall_ill()
    stage.send(round(rate * 10), rate)
    stage.recover()
    stage.send(round(rate * 80), rate)


def outage(stage: Stage) -> None:
    """All providers are ill for 20 seconds and then well; the worker delivers what was kept."""
    stage.fall_ill()
    stage.send(stage.setting.emails, stage.setting.emails / 20)
    stage.recover()


def short_outage(stage: Stage) -> None:
    """The same in little time: the circuits are made ripe as soon as the providers are well."""
    stage.fall_ill()
    stage.send(stage.setting.emails)
    stage.recover()
    stage.gomail.ripen()


DOUBTFUL = Expected(duplicates=True, probed=True)
_SES = {"ses": "unavailable"}
_BOTH = {"ses": "unavailable", "sendgrid": "unavailable"}
_PROBED, _BACK = Expected(probed=True), Expected(probed=True, closes=True)

ALONE = Scenario(
    name="alone",
    says="the second provider alone",
    play=bad_day,
    providers="sendgrid",
    expected=Expected(opens=False),
)


def _day(name: str, says: str, mode: str, **more: object) -> Scenario:
    chosen = {"play": bad_day, "expected": _PROBED, "waves": 2, "judged": "whole", **more}
    return Scenario(name=name, says=says, ill={"ses": mode}, **chosen)  # type: ignore[arg-type]


FULL = (
    _day("refused", "refuses connections", "refused"),
    _day("unavailable", "answers 503", "unavailable"),
    _day("throttled", "answers 429", "throttled", expected=Expected(opens=False), waves=0),
    _day("bad-key", "answers 403, bad key", "bad_key"),
    _day("slow", "accepts after 20 s", "slow", waves=1, judged="after"),
    _day("silent-resend", "never answers, resend", "silent", waves=1, judged="after", expected=DOUBTFUL),
    _day("silent-stop", "never answers, stop", "silent", waves=1, judged="after", policies=("stop",)),
    Scenario(name="recovers", says="503, recovers", play=recovery, ill=_SES, expected=_BACK),
    Scenario(
        name="only-one",
        says="the only one, down 20 s",
        play=outage,
        ill=_SES,
        providers="ses",
        expected=_BACK,
    ),
    Scenario(name="both-down", says="both down 20 s", play=outage, ill=_BOTH, expected=_BACK),
)

# The longest first: two are played at a time.
QUICK = (
    _day("silent", "never answers", "silent", waves=0, judged="", policies=("resend", "stop"),
         expected=Expected(duplicates=True)),
    Scenario(name="only-one", says="the only one, briefly", play=short_outage, ill=_SES, providers="ses",
             expected=_BACK),
    _day("unavailable", "answers 503", "unavailable", waves=1, judged=""),
    _day("throttled", "answers 429", "throttled", waves=0, judged="", expected=Expected(opens=False)),
)  # fmt: skip
