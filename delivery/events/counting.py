"""What events say of a team's mail as a whole: each recipient that bounced or complained counts once."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from delivery.access import brake, reputation
from delivery.events.matching import Told
from delivery.models import Recipient
from providers.events import Bounce, Kind

_Status = Recipient.Status
# For each kind the column that it adds to, and the statuses of recipients that were counted there before.
_COUNTED: Final[Mapping[Kind, tuple[str, frozenset[str]]]] = MappingProxyType(
    {
        Kind.ACCEPTED: ("accepted", frozenset()),
        Kind.DELIVERED: ("delivered", frozenset({_Status.DELIVERED, _Status.BOUNCED, _Status.COMPLAINED})),
        Kind.BOUNCED: ("bounced", frozenset({_Status.BOUNCED})),
        Kind.COMPLAINED: ("complained", frozenset({_Status.COMPLAINED})),
    }
)
_BAD: Final = ("bounced", "complained")


def count(told: Sequence[Told]) -> None:
    """Add new events to their teams' hours, and brake whose mail is too bad; in the caller's transaction.

    The recipients are as they were before these events.
    """
    found = {(recipient, column): team for team, recipient, column in _each(told)}
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for (_, column), team in found.items():
        counts[team][column] += 1
    if counts:
        reputation.add(counts)
        for team in sorted(team for team, those in counts.items() if any(map(those.get, _BAD))):
            brake.judge(team)


def _each(told: Sequence[Told]) -> Iterator[tuple[int, int, str]]:
    """Yield team, recipient and column of what counts: what is certain, and final."""
    for each in told:
        column, before = _COUNTED.get(each.event.kind, ("", frozenset()))
        team = each.attempt.email.team_id if each.attempt else None
        if column and team and each.row.certain and each.event.bounce is not Bounce.SOFT:
            yield from ((team, one.pk, column) for one in each.recipients if one.status not in before)
