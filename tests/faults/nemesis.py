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
_EVERY = 0.4  # seconds
# Seconds that a process is spared, unless it is known to have begun: one that is killed before has nothing to lose.
_GROWN_UP = {"web": 1.0, "worker": 30.0}


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

    def rage(self, enough: Callable[[], bool], *, due: Callable[[], bool], seconds: float) -> None:
        """Kill a process now and then, whenever one is due, until it is enough or the time is over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not enough():
            processes.go_on()
            time.sleep(self._dice.expovariate(1 / _EVERY))
            if due():
                self._strike(self._dice.choice(("web", "worker")))

    def kill(self, process: psutil.Process, kind: str) -> None:
        """End one process."""
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
            self.struck[kind] += 1

    def working(self, kind: str) -> list[psutil.Process]:
        """Return the processes that the server, or the keeper of the workers, has started."""
        with suppress(psutil.Error):
            parent = psutil.Process(self._gomail.parents[kind].pid)
            return sorted(filter(lives, parent.children()), key=lambda child: child.pid)
        return []

    def _strike(self, kind: str) -> None:
        now, joined = time.time(), self._gomail.joined() if kind == "worker" else ()
        found = [
            one
            for one in self.working(kind)
            if one.pid in joined or now - one.create_time() > _GROWN_UP[kind]
        ]
        if found:
            self.kill(self._dice.choice(found), kind)


def lives(process: psutil.Process) -> bool:
    """Tell whether a process has not ended; one that nobody has asked for its status yet has."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
