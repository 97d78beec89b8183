"""Failpoints: named places in the code at which a fault run kills the process, as `kill -9` would.

    GOMAIL_FAILPOINTS="seed=7,after-claim=0.01,in-finish=0.01,after-claim@poison=1"

gives each place the probability of a kill; `@poison` restricts it to emails with that in their subject.
Nothing is armed outside of fault runs: the settings refuse the variable unless GOMAIL_TESTING is on.
"""

import os
import random
import signal
from typing import Final

POINTS: Final = (
    "in-accept",  # the rows of a new email are inserted, their transaction is open
    "after-commit",  # it is closed
    "before-answer",  # the outcome is stored, the client has no answer yet
    "after-claim",  # a due email is claimed
    "after-attempt-row",  # the attempt is durable, nothing has been sent
    "after-connect",  # a connection to the provider is open
    "after-request-bytes",  # the whole request is written
    "after-response",  # the provider has answered
    "after-journal",  # its answer is in the journal
    "in-finish",  # the rows of the outcome are written, their transaction is open
    "after-finish",  # it is closed
    "in-slice",  # emails of a mailing are inserted, their transaction is open
    "after-slice",  # it is closed
    "after-events",  # events that wait in a queue are recorded, and not deleted there yet
    "before-alert",  # an incident is opened and claimed, people have not been told
    "after-alert",  # they have been, and it is not recorded
)


class Unreadable(ValueError):
    """GOMAIL_FAILPOINTS has an unknown place or an invalid probability."""


class _Armed:
    """The armed failpoints of this process, with a random generator that a seed makes repeatable."""

    def __init__(self) -> None:
        self.places: dict[tuple[str, str], float] = {}
        self.seed = ""
        self.forks = 0
        self.dice = random.Random()  # noqa: S311 - no secret

    def reseed(self) -> None:
        """Give a forked process its own random numbers, the same in every run with this seed."""
        self.dice = random.Random(f"{self.seed} {self.forks}")  # noqa: S311


_armed = _Armed()


def arm(text: str) -> None:
    """Read GOMAIL_FAILPOINTS; empty disarms. Raises Unreadable."""
    _armed.places.clear()
    for word in filter(None, (word.strip() for word in text.split(","))):
        name, _, value = word.partition("=")
        if name == "seed":
            _armed.seed = value
        else:
            _armed.places[_place(name)] = _probability(word, value)
    _armed.reseed()


def reach(name: str, about: str = "") -> None:
    """Kill the process here with the armed probability; the place is written to stderr, nothing is cleaned up."""
    if not _armed.places:
        return
    for (place, subject), probability in _armed.places.items():
        if place == name and subject in about and _armed.dice.random() < probability:
            os.write(2, f"failpoint {name} ends process {os.getpid()}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)


def _place(name: str) -> tuple[str, str]:
    point, _, subject = name.partition("@")
    if point not in POINTS:
        raise Unreadable(f"{point!r} is not a failpoint; choose from {', '.join(POINTS)}.")
    return point, subject


def _probability(word: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise Unreadable(
            f"{word!r} has no valid probability; write for instance {word.split('=', maxsplit=1)[0]}=0.01."
        ) from None


def _count_fork() -> None:
    _armed.forks += 1


os.register_at_fork(before=_count_fork, after_in_child=_armed.reseed)
