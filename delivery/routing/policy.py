"""The policy of the circuit breakers, as pure functions: when to open, how long to wait, how to ramp up."""

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from delivery.models import Circuit
from providers import errors
from providers.base import Answer
from providers.message import Receipt

SEVERAL_SENDERS = 3  # refused addresses of a domain: then the others are not tried either
WINDOW = timedelta(seconds=60)  # the sliding window of attempts
PROBE_LEASE = timedelta(seconds=60)  # longer than an attempt: then the probe counts as lost
RAMP = timedelta(seconds=30)  # from a tenth of the emails to all of them, after a successful probe
_FIRST_SHARE = 0.1
_IN_A_ROW, _IN_A_ROW_ON_RAMP = 5.0, 2.0
_ENOUGH, _HALF = 20, 0.5
_SLOW_MS, _SLOW_WEIGHT = 10_000, 0.5
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=30), timedelta(minutes=10)
_MEMORY = timedelta(minutes=10)  # after working for so long, a provider's next wait is the first again
_CHECK_FIRST = timedelta(seconds=60)  # the worker checks the account before an email probes it
_MOST_OPENINGS = 10  # avoids overflow; the longest wait is reached long before
_PAUSE = (1.0, 5.0)  # seconds, if the vendor names none
_RAMP_RETRY = timedelta(seconds=1)
_PROBE_RETRY = timedelta(seconds=3)  # most probes take less
_OUT_RETRY = timedelta(seconds=30)  # when a person puts it back is not known


class Verdict(Enum):
    """What an answer says about its provider."""

    WORKS = auto()
    FAILS = auto()
    ACCOUNT = auto()  # this account cannot send
    SENDER = auto()  # it works, but not for this sender
    PAUSE = auto()  # it works, and wants a pause
    NOTHING = auto()  # the fault is the message's, or ours


# The other classes are about the message, which the provider has examined: so it works.
_VERDICTS: dict[type[errors.ProviderError], Verdict] = {
    errors.Unavailable: Verdict.FAILS,
    errors.Unknown: Verdict.FAILS,
    errors.AccountProblem: Verdict.ACCOUNT,
    errors.SenderRefused: Verdict.SENDER,
    errors.DomainRefused: Verdict.SENDER,
    errors.Throttled: Verdict.PAUSE,
    errors.CannotCarry: Verdict.NOTHING,
    errors.Unreadable: Verdict.NOTHING,
    errors.Exhausted: Verdict.NOTHING,
}
_COUNTED = {kind.kind for kind, verdict in _VERDICTS.items() if verdict is Verdict.FAILS}
_NEUTRAL = {kind.kind for kind in _VERDICTS} - _COUNTED


@dataclass(frozen=True, kw_only=True)
class Told:
    """A provider's own explanation."""

    reason: str
    after: float | None = None  # seconds to wait, if it named any


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a provider may not be used now, and when to ask again."""

    reason: (
        str  # for the email's team: without the provider's words, which may quote another team's addresses
    )
    until: datetime


def verdict(answer: Answer) -> Verdict:
    """Return what an answer says about its provider."""
    if isinstance(answer, Receipt):
        return Verdict.ACCOUNT if answer.account_problem else Verdict.WORKS
    return _VERDICTS.get(type(answer), Verdict.WORKS)


def told(answer: Answer) -> Told:
    """Return the explanation in an answer, for a person."""
    if isinstance(answer, Receipt):
        return Told(reason=answer.account_problem or "It accepts emails, but takes too long.")
    return Told(reason=answer.detail, after=answer.retry_after)


def names_domain(answer: Answer) -> bool:
    """Return whether a refusal of a sender is about the whole domain."""
    return isinstance(answer, errors.DomainRefused)


def counts_against(verdict: Verdict, latency_ms: int | None) -> bool:
    """Tell whether an attempt counts as a failure of the provider; of those that say something, so does one of 10 s."""
    return verdict is Verdict.FAILS or (verdict is not Verdict.NOTHING and _is_slow(latency_ms))


def is_failing(attempts: Iterable[tuple[str, int | None]], *, on_ramp: bool) -> bool:
    """Tell whether to open the circuit, from (kind of error, milliseconds) of the last attempts, newest first."""
    weights = [_weight(*attempt) for attempt in attempts if attempt[0] not in _NEUTRAL]
    if _run(weights) >= (_IN_A_ROW_ON_RAMP if on_ramp else _IN_A_ROW):
        return True
    return len(weights) >= _ENOUGH and sum(weights) / len(weights) >= _HALF


def wait(trouble: str, openings: int, after: float | None) -> timedelta:
    """Return the wait before a probe: the time that the provider named, else exponential back-off while it fails."""
    if after is not None:
        return max(_FIRST_WAIT, timedelta(seconds=min(after, errors.LONGEST_NAMED)))
    if trouble != Circuit.Trouble.FAILING:
        return _LONGEST_WAIT
    return min(_FIRST_WAIT * math.pow(2, min(openings, _MOST_OPENINGS) - 1), _LONGEST_WAIT)


def openings(circuit: Circuit, now: datetime) -> int:
    """Return the number of this opening, counted since the provider last worked for 10 minutes."""
    return circuit.openings + 1 if now - circuit.changed_at < _MEMORY else 1


def pause(seconds: float | None) -> timedelta:
    """Return the length of a pause, from the seconds that the provider named."""
    chosen = seconds if seconds is not None else random.uniform(*_PAUSE)  # noqa: S311 - jitter, no secret
    return timedelta(seconds=max(_PAUSE[0], min(chosen, errors.LONGEST_NAMED)))


def is_on_ramp(circuit: Circuit, now: datetime) -> bool:
    """Tell whether the circuit was closed by a probe within the last 30 seconds."""
    closed = circuit.state == Circuit.State.CLOSED
    return closed and circuit.openings > 0 and now - circuit.changed_at < RAMP


def refusal(circuit: Circuit, now: datetime) -> Refusal | None:
    """Return why the circuit does not let this email through; None if it does, perhaps as a probe."""
    if is_on_ramp(circuit, now) and random.random() > _share(circuit, now):  # noqa: S311 - no secret
        return Refusal(
            reason=f"{circuit} has just come back and gets a part of the emails.", until=now + _RAMP_RETRY
        )
    return shut(circuit, now)


def shut(circuit: Circuit, now: datetime) -> Refusal | None:
    """Return why the circuit lets no email at all through now; None if it may."""
    if circuit.state == Circuit.State.OUT:
        return Refusal(reason=f"{circuit} was taken out of service.", until=now + _OUT_RETRY)
    if circuit.paused_until and circuit.paused_until > now:
        reason = f"{circuit} asked for a pause until {_clock(circuit.paused_until)}."
        return Refusal(reason=reason, until=circuit.paused_until)
    if circuit.state == Circuit.State.PROBING and circuit.retry_at and circuit.retry_at > now:
        return probed_elsewhere(circuit, now)
    if circuit.state != Circuit.State.CLOSED and (until := _probe_from(circuit)) > now:
        reason = f"{circuit} is not used until {_clock(until)}: {circuit.get_trouble_display()}."
        return Refusal(reason=reason, until=until)
    return None


def probed_elsewhere(circuit: Circuit, now: datetime) -> Refusal:
    """Return the refusal while another email probes the circuit."""
    return Refusal(reason=f"{circuit} is being tried with another email.", until=now + _PROBE_RETRY)


def _is_slow(latency_ms: int | None) -> bool:
    return (latency_ms or 0) > _SLOW_MS


def _probe_from(circuit: Circuit) -> datetime:
    if circuit.retry_at is None:
        raise ValueError(f"The circuit of {circuit} is open without an end.")
    by_account = circuit.trouble == Circuit.Trouble.ACCOUNT
    return circuit.retry_at + (_CHECK_FIRST if by_account else timedelta())


def _share(circuit: Circuit, now: datetime) -> float:
    return _FIRST_SHARE + (1 - _FIRST_SHARE) * ((now - circuit.changed_at) / RAMP)


def _weight(error: str, latency_ms: int | None) -> float:
    if error in _COUNTED:
        return 1.0
    return _SLOW_WEIGHT if _is_slow(latency_ms) else 0.0


def _run(weights: Iterable[float]) -> float:
    """Return the total weight of the failures since the last success."""
    total = 0.0
    for weight in weights:
        if weight == 0.0:
            break
        total += weight
    return total


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S} UTC"
