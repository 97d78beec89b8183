"""What became of a recipient, as a pure function of all events: so their order of arrival does not matter.

In one attempt a later stage wins, and none goes backwards. Of several attempts the best one is shown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final
from uuid import UUID

from delivery.models import Recipient

_Status = Recipient.Status
# The stages of one attempt.
STAGES: Final[Mapping[str, int]] = MappingProxyType(
    {
        _Status.ACCEPTED: 1,
        _Status.DEFERRED: 2,
        _Status.DELIVERED: 3,
        _Status.BOUNCED: 4,
        _Status.SUPPRESSED: 4,
        _Status.REJECTED: 4,
        _Status.COMPLAINED: 5,
    }
)
# How good that is for the recipient, among several attempts. A complaint comes from somebody who has the mail.
_WORTH: Final[Mapping[str, int]] = MappingProxyType(
    {
        _Status.BOUNCED: 1,
        _Status.SUPPRESSED: 1,
        _Status.REJECTED: 1,
        _Status.ACCEPTED: 2,
        _Status.DEFERRED: 3,
        _Status.DELIVERED: 4,
        _Status.COMPLAINED: 5,
    }
)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What one event says of one recipient of one attempt."""

    attempt: UUID | None
    status: str  # one of STAGES
    at: datetime
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What became of a recipient."""

    status: str
    reason: str


def standing(stages: Iterable[Stage], *, accepted: Iterable[UUID] = ()) -> Standing | None:
    """Return the best of the attempts, each by its last stage; None if nothing is known.

    `accepted`: attempts that a provider accepted, of which there may be no event.
    """
    last: dict[UUID | None, Stage] = {}
    for stage in stages:
        if stage.attempt not in last or _rank(stage) > _rank(last[stage.attempt]):
            last[stage.attempt] = stage
    found = [(_WORTH[stage.status], stage.at, stage) for stage in last.values()]
    best = max(found, key=lambda each: each[:2])[2] if found else None
    if any(attempt not in last for attempt in accepted) and (
        best is None or _WORTH[best.status] < _WORTH[_Status.ACCEPTED]
    ):
        return Standing(status=_Status.ACCEPTED, reason="")
    return Standing(status=best.status, reason=_explained(best)) if best else None


def _explained(stage: Stage) -> str:
    """Return the reason of a status that needs one; what a mail server says of a delivery stands in the timeline."""
    return "" if stage.status in {_Status.ACCEPTED, _Status.DELIVERED} else stage.reason


def _rank(stage: Stage) -> tuple[int, datetime, str, str]:
    """Return what orders the stages of an attempt: alike ones by their time, and then by anything that is fixed."""
    return STAGES[stage.status], stage.at, stage.status, stage.reason
