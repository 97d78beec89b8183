"""Kills the processes of an installation, one after the other, as the dice fall."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import psutil

from tests.faults import processes
from tests.faults.installation import Installation

_FAILPOINT = "failpoint "


class Nemesis:
    """What the machine, its administrator and its memory do to processes at the worst of times."""

    def __init__(self, gomail: Installation, dice: random.Random) -> None:
        self._gomail, self._dice = gomail, dice
        self.struck: Counter[str] = Counter()  # web, worker: how many

    @property
    def kills(self) -> int:
        """How many processes were ended by `kill -9`, from outside and at failpoints."""
        return self.struck.total() + self.at_points().total()

    def at_points(self) -> Counter[str]:
        """How many processes ended at which failpoint."""
        lines = self._gomail.log().split("\n")
        return Counter(line.split()[1] for line in lines if line.startswith(_FAILPOINT))

    def rage(self, enough: Callable[[], bool], *, every: float, seconds: float) -> None:
        """Kill processes, about so often, until it is enough or the time is over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not enough():
            processes.go_on()
            time.sleep(self._dice.expovariate(1 / every))
            self.strike()

    def strike(self, victims: str = "", number: int = signal.SIGKILL) -> int:
        """Send a signal to a process that works, of these or of any kind; return its id, 0 if there is none."""
        kind = victims or self._dice.choice(("web", "worker"))
        found = self.working(kind)
        if not found:
            return 0
        victim = self._dice.choice(found)
        with suppress(ProcessLookupError):
            os.kill(victim, number)
            self.struck[kind] += number == signal.SIGKILL
        return victim

    def working(self, kind: str) -> list[int]:
        """Return the processes that the server, or the keeper of the workers, has started."""
        with suppress(psutil.Error):
            parent = psutil.Process(self._gomail.parents[kind].pid)
            return sorted(child.pid for child in parent.children() if lives(child))
        return []


def lives(process: psutil.Process) -> bool:
    """Tell whether a process has not ended; one that nobody has asked for its status yet has."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
