"""Named places on the path of an email at which a fault run ends the process, as `kill -9` would.

    GOMAIL_FAILPOINTS="seed=7,after-claim=0.01,in-finish=0.01,after-claim@poison=1"

gives each place the probability with which the process ends there; `@poison` only where the email is about that.
Nothing is armed outside of fault runs: settings refuse the variable unless GOMAIL_TESTING is on.
"""

import os
import random
import signal
from typing import Final

POINTS: Final = (
    "in-accept",  # the rows of a new email are inserted, their transaction is open
    "after-commit",  # it is closed
    "before-answer",  # what became of the email is known, its client has not been told
    "after-claim",  # a due email is this process's
    "after-attempt-row",  # the attempt is durable, nothing has been sent
    "after-connect",  # a connection to the provider is open
    "after-request-bytes",  # the whole request has left
    "after-response",  # the provider has answered
    "after-journal",  # its answer is in the journal
    "in-finish",  # the rows of the outcome are written, their transaction is open
    "after-finish",  # it is closed
)


class Unreadable(ValueError):
    """GOMAIL_FAILPOINTS names no such place, or no probability."""


class _Armed:
    """What may happen where in this process, by dice that a seed throws again."""

    def __init__(self) -> None:
        self.places: dict[tuple[str, str], float] = {}
        self.seed = ""
        self.forks = 0
        self.dice = random.Random()  # noqa: S311 - no secret

    def throw_anew(self) -> None:
        """Give a forked process dice of its own, the same in every run of this seed."""
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
    _armed.throw_anew()


def reach(name: str, about: str = "") -> None:
    """End the process here, with the probability that was armed; nothing at all is done on the way out."""
    if not _armed.places:
        return
    for (place, subject), probability in _armed.places.items():
        if place == name and subject in about and _armed.dice.random() < probability:
            os.kill(os.getpid(), signal.SIGKILL)


def _place(name: str) -> tuple[str, str]:
    point, _, subject = name.partition("@")
    if point not in POINTS:
        raise Unreadable(f"{point!r} is no failpoint; there are {', '.join(POINTS)}.")
    return point, subject


def _probability(word: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise Unreadable(
            f"{word!r} names no probability; write for instance {word.split('=', maxsplit=1)[0]}=0.01."
        ) from None


def _count_fork() -> None:
    _armed.forks += 1


os.register_at_fork(before=_count_fork, after_in_child=_armed.throw_anew)
