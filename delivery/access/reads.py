"""How many times a second a team may read: counted in memory that the processes of a server share, and nowhere else.

A read must cost no write, so this is no promise to the last one: two processes that count in the same microsecond
may count one, and every server of an installation counts for itself. It never refuses what is within the rate.
"""

import math
from typing import Final

from django.conf import settings

from delivery.access.shared_counts import of_reads
from delivery.access.usage import Policy

_SECONDS: Final = 10  # of the rate that may come at once
_HAIR: Final = 1e-6  # seconds, by which sums of fractions may be wrong


class TooMany(Exception):
    """A team reads more than it may; `seconds` says when it may read again."""

    code: Final = "rate_limited"

    def __init__(self, policy: Policy) -> None:
        """Say so."""
        self.seconds, self.policy = policy.more_in or 1, policy
        may = f"This API key's team may read {policy.quota:,} times in {policy.window} s"
        super().__init__(f"{may}. Try again in {self.seconds} s.")


def take(team: int) -> Policy | None:
    """Count a read and return what is left, None where there is no limit; raise TooMany instead."""
    per_second = settings.GOMAIL_READS_PER_SECOND
    if not per_second:
        return None
    burst, every = max(1, math.ceil(_SECONDS * per_second)), 1 / per_second
    fits, spent = of_reads.spend(team, every, burst * every + _HAIR)
    policy = _policy(burst, every, spent)
    if not fits:
        raise TooMany(policy)
    return policy


def _policy(burst: int, every: float, spent: float) -> Policy:
    left = max(0, math.floor((burst * every - spent + _HAIR) / every))
    more = math.ceil(spent - (burst - left - 1) * every - _HAIR) if left < burst else 0
    window = math.ceil(burst * every)
    return Policy(
        name="reads", code=TooMany.code, quota=burst, left=left, window=window, more_in=max(more, 0)
    )
