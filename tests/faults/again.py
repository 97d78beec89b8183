"""What broke in company, once more and alone: is it the code, or the company it was played in?

The short form plays several installations at a time on two processors, and some promises are about seconds. As in
`make test` (tests.again), a few of them that broke are played again with nothing beside them; what is kept then is
named as unsteady. An email lost, doubled in silence or told wrongly is no accident of time: that is never played again.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from tests.faults import checks, promises
from tests.faults.evidence import Evidence

MOST = 2  # of one table; more are no accident
T = TypeVar("T")


def grave(evidence: Evidence) -> bool:
    """Tell whether something broke that no slow machine explains."""
    return any(
        (
            checks.lost(evidence),
            checks.duplicates(evidence, marked=False),
            checks.sent_again(evidence),
            checks.untrue(evidence),
            promises.outside(evidence),
            promises.two_answers(evidence),
            promises.two_emails(evidence),
        )
    )


def once_more(
    played: Sequence[T],
    play: Callable[[T], T],
    *,
    broke: Callable[[T], object],
    grave: Callable[[T], bool],
    said: Callable[[T], str],
) -> list[T]:
    """Play again, one after the other, what broke; return what counts."""
    broken = [one for one in played if broke(one)]
    if not broken or len(broken) > MOST or any(map(grave, broken)):
        return list(played)
    return [_steadied(one, play, broke, said) if broke(one) else one for one in played]


def _steadied(one: T, play: Callable[[T], T], broke: Callable[[T], object], said: Callable[[T], str]) -> T:
    print(f"Once more, alone: {said(one)}", flush=True)
    again = play(one)
    if not broke(again):
        print(f"UNSTEADY, kept only alone: {said(one)}", flush=True)
    return again
