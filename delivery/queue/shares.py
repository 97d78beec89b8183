"""Shares: how many of some threads one team may have, so that there is one for whoever comes next.

A thread whose provider is slow comes back late, and whose will be slow nobody knows before. So a team gets another
thread only while it has fewer than seven times as many as are free: one team leaves an eighth of them, two leave a
fifteenth, and so on. The last free thread is for a team that has none. See docs/decisions/0043.
"""

from collections import Counter
from typing import Final

_TIMES: Final = 7
_FEW: Final = 3  # of so few threads none is kept back


def allows(mine: int, *, free: int, of: int) -> bool:
    """Tell whether who has this many of the threads may take one of those that are free."""
    if mine == 0 or of < _FEW:
        return free > 0
    return free > 1 and mine < _TIMES * free


class UnderWay:
    """How many threads each team has at the moment; None: what was sent without a key, which is no team's."""

    def __init__(self) -> None:
        """Begin with none."""
        self._of: Counter[int] = Counter()

    def allows(self, team: int | None, *, free: int, of: int) -> bool:
        """Tell whether the team may take one of the threads that are free."""
        return free > 0 if team is None else allows(self._of[team], free=free, of=of)

    def begin(self, team: int | None) -> None:
        """Count one more."""
        if team is not None:
            self._of[team] += 1

    def end(self, team: int | None) -> None:
        """Count one less."""
        if team is not None:
            self._of[team] -= 1
            if not self._of[team]:
                del self._of[team]
