"""How many threads one team may have while others may come."""

import pytest

from delivery.queue import shares


def held(of: int, teams: int = 1) -> list[int]:
    """Return how many of so many threads each of some teams gets that want all of them, by turns."""
    mine = [0] * teams
    while True:
        before = list(mine)
        for team in range(teams):
            mine[team] += shares.allows(mine[team], free=of - sum(mine), of=of)
        if mine == before:
            return mine


@pytest.mark.parametrize(
    ("of", "share"), [(1, 1), (2, 2), (3, 2), (4, 3), (8, 7), (16, 14), (32, 28), (64, 56)]
)
def test_one_team_gets_most_of_the_threads_and_leaves_some(of: int, share: int) -> None:
    assert held(of) == [share]


@pytest.mark.parametrize("teams", [2, 3, 5])
def test_several_teams_that_want_all_leave_some_too(teams: int) -> None:
    parts = held(32, teams)
    assert sum(parts) < 32
    assert max(parts) - min(parts) <= 1


def test_whoever_has_none_gets_the_last_one() -> None:
    assert shares.allows(0, free=1, of=8)
    assert not shares.allows(1, free=1, of=8)
    assert not shares.allows(0, free=0, of=8)
