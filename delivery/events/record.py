"""The record of events: each is kept once, with all that follows from it, in one transaction.

Posts that come at the same time share one: it is as durable for each as it would be alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from delivery.counting import counters
from delivery.db import clock
from delivery.db.group_commit import GroupCommit
from delivery.db.inserts import InsertNew
from delivery.events import accounts, counting, effects, erased, matching, rows, settling, tokens
from delivery.events.matching import Told
from delivery.models import ProviderEvent
from providers.events import Binding, Event

_State = ProviderEvent.State
_written = InsertNew(ProviderEvent)


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What became of the events of one post."""

    new: int
    repeated: int = 0
    parked: int = 0  # of the new ones: about an attempt that is not known here
    other: int = 0  # of the new ones: kept, and nothing follows from them


@dataclass(frozen=True, kw_only=True)
class _Post:
    """The events that one post told of an account."""

    account: str
    events: Sequence[Event]
    bindings: Sequence[Binding]


def record(account: str, events: Sequence[Event], *, bindings: Sequence[Binding] = ()) -> Tally:
    """Keep the events of one post, those that are new, and do what follows from them.

    Raises Forged, keeping nothing, if a token was seen with another body; raises the errors of a database that is away.
    """
    if not events:
        return Tally(new=0)
    return _recorded.ask(_Post(account=account, events=events, bindings=bindings))


def _record(posts: Sequence[_Post]) -> list[Tally]:
    each_told = [
        [Told(row=rows.of(post.account, event), event=event) for event in post.events] for post in posts
    ]
    told = [each for of_post in each_told for each in of_post]
    with transaction.atomic():
        for post in posts:
            tokens.bind(post.account, post.bindings)
        attempts = matching.attempts(told)
        erased.hide(told)
        # In one order everywhere: a transaction that inserts the same event is waited for.
        new = _written.run_new([each.row for each in sorted(told, key=lambda each: each.row.key)])
        follow([each for each in told if each.row.pk in new], attempts)
    _count([each for each in told if each.row.pk in new])
    return [_tally(of_post, new) for of_post in each_told]


def follow(told: Sequence[Told], attempts: matching.Attempts) -> None:
    """Do what follows from new events, in the caller's transaction."""
    about = [each for each in told if each.row.email_id]
    settling.prove(about)  # emails are locked before their recipients, as everywhere
    matching.recipients(about)
    settling.move(about, attempts)
    counting.count(about)
    effects.suppress(about)
    effects.tell(about)
    accounts.follow(told)


def _count(told: Sequence[Told]) -> None:
    now = clock.now()
    for each in told:
        counters.told(each.row.account, each.row.kind, (now - each.row.at).total_seconds())


def _tally(told: Sequence[Told], new: set[object]) -> Tally:
    states = [each.row.state for each in told if each.row.pk in new]
    return Tally(
        new=len(states),
        repeated=len(told) - len(states),
        parked=states.count(_State.PARKED),
        other=states.count(_State.OTHER),
    )


_recorded = GroupCommit(_record)
