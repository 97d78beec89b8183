"""When a provider is failing, how long it is left alone, and how it comes back: pure functions."""

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

WINDOW = timedelta(seconds=60)  # of attempts that are looked at
PROBE_LEASE = timedelta(seconds=60)  # longer than an attempt: after it the prober has gone
RAMP = timedelta(seconds=30)  # from the first emails to all of them, after a probe went well
_FIRST_SHARE = 0.1
_IN_A_ROW, _IN_A_ROW_ON_RAMP = 5.0, 2.0
_ENOUGH, _HALF = 20, 0.5
_SLOW_MS, _SLOW_WEIGHT = 10_000, 0.5
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=30), timedelta(minutes=10)
_MEMORY = timedelta(minutes=10)  # a provider that worked for so long starts anew with the first wait
_WORKERS_TURN = timedelta(seconds=60)  # the worker asks about an account before an email is risked
_MOST_OPENINGS = 10  # the longest wait is reached long before
_PAUSE = (1.0, 5.0)  # seconds, where the vendor names none
_AGAIN = timedelta(seconds=1)
_ANOTHERS_PROBE = timedelta(seconds=3)  # most of them take less
_OUT_FOR_NOW = timedelta(seconds=30)  # nobody knows when a person puts it back


class Verdict(Enum):
    """What one answer says of its provider."""

    WORKS = auto()
    FAILS = auto()
    ACCOUNT = auto()  # this account cannot send
    SENDER = auto()  # it works, but not for this sender
    PAUSE = auto()  # it works, and wants a pause
    NOTHING = auto()  # the trouble is the message's, or ours


# A class that stands not here is about the message, which the provider has looked at: it works.
_VERDICTS: dict[type[errors.ProviderError], Verdict] = {
    errors.Unavailable: Verdict.FAILS,
    errors.Unknown: Verdict.FAILS,
    errors.AccountProblem: Verdict.ACCOUNT,
    errors.SenderRefused: Verdict.SENDER,
    errors.Throttled: Verdict.PAUSE,
    errors.CannotCarry: Verdict.NOTHING,
    errors.Unreadable: Verdict.NOTHING,
}
_COUNTED = {kind.kind for kind, verdict in _VERDICTS.items() if verdict is Verdict.FAILS}
_NEUTRAL = {kind.kind for kind in _VERDICTS} - _COUNTED


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a provider said for itself."""

    reason: str
    after: float | None = None  # seconds to leave it alone, if it named any


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a provider is not to be used now, and when to ask again."""

    reason: str  # for whoever sent the email: without the provider's words, which may quote somebody else's address
    until: datetime


def verdict(answer: Answer) -> Verdict:
    """Return what an answer says of its provider."""
    if isinstance(answer, Receipt):
        return Verdict.ACCOUNT if answer.account_problem else Verdict.WORKS
    return _VERDICTS.get(type(answer), Verdict.WORKS)


def told(answer: Answer) -> Told:
    """Return what an answer says for a person."""
    if isinstance(answer, Receipt):
        return Told(reason=answer.account_problem or "It accepts emails, but takes too long.")
    return Told(reason=answer.detail, after=answer.retry_after)


def counts_against(verdict: Verdict, latency_ms: int | None) -> bool:
    """Tell whether an attempt speaks against the provider; one that took too long does, whatever it came to."""
    return verdict is Verdict.FAILS or _is_slow(latency_ms)


def is_failing(attempts: Iterable[tuple[str, int | None]], *, on_ramp: bool) -> bool:
    """Tell from (kind of error, milliseconds) of the last attempts, newest first, whether to open the circuit."""
    weights = [_weight(*attempt) for attempt in attempts if attempt[0] not in _NEUTRAL]
    if _run(weights) >= (_IN_A_ROW_ON_RAMP if on_ramp else _IN_A_ROW):
        return True
    return len(weights) >= _ENOUGH and sum(weights) / len(weights) >= _HALF


def wait(trouble: str, openings: int, after: float | None) -> timedelta:
    """Return how long to leave a provider alone: what it named; else longer with each opening while it is failing."""
    if after is not None:
        return max(_FIRST_WAIT, timedelta(seconds=min(after, errors.LONGEST_NAMED)))
    if trouble != Circuit.Trouble.FAILING:
        return _LONGEST_WAIT
    return min(_FIRST_WAIT * math.pow(2, min(openings, _MOST_OPENINGS) - 1), _LONGEST_WAIT)


def openings(circuit: Circuit, now: datetime) -> int:
    """Return the number of the opening that comes now, counted since the provider last worked for long."""
    return circuit.openings + 1 if now - circuit.changed_at < _MEMORY else 1


def pause(seconds: float | None) -> timedelta:
    """Return how long to leave alone a provider that asked for a pause."""
    chosen = seconds if seconds is not None else random.uniform(*_PAUSE)  # noqa: S311 - jitter, no secret
    return timedelta(seconds=max(_PAUSE[0], min(chosen, errors.LONGEST_NAMED)))


def is_on_ramp(circuit: Circuit, now: datetime) -> bool:
    """Tell whether a provider has just come back."""
    closed = circuit.state == Circuit.State.CLOSED
    return closed and circuit.openings > 0 and now - circuit.changed_at < RAMP


def refusal(circuit: Circuit, now: datetime) -> Refusal | None:
    """Return why the circuit does not let this email through; None when it does, perhaps as a probe."""
    if is_on_ramp(circuit, now) and random.random() > _share(circuit, now):  # noqa: S311 - no secret
        return Refusal(
            reason=f"{circuit} has just come back and gets a part of the emails.", until=now + _AGAIN
        )
    return shut(circuit, now)


def shut(circuit: Circuit, now: datetime) -> Refusal | None:
    """Return why the circuit lets no email through now, whichever it is."""
    if circuit.state == Circuit.State.OUT:
        return Refusal(reason=f"{circuit} was taken out of service.", until=now + _OUT_FOR_NOW)
    if circuit.paused_until and circuit.paused_until > now:
        reason = f"{circuit} asked for a pause until {_clock(circuit.paused_until)}."
        return Refusal(reason=reason, until=circuit.paused_until)
    if circuit.state == Circuit.State.PROBING and circuit.retry_at and circuit.retry_at > now:
        return probed_elsewhere(circuit, now)
    if circuit.state != Circuit.State.CLOSED and (until := _emails_turn(circuit)) > now:
        reason = f"{circuit} is not used until {_clock(until)}: {circuit.get_trouble_display()}."
        return Refusal(reason=reason, until=until)
    return None


def probed_elsewhere(circuit: Circuit, now: datetime) -> Refusal:
    """Return why the circuit lets no email through while another one tries it."""
    return Refusal(reason=f"{circuit} is being tried with another email.", until=now + _ANOTHERS_PROBE)


def _is_slow(latency_ms: int | None) -> bool:
    return (latency_ms or 0) > _SLOW_MS


def _emails_turn(circuit: Circuit) -> datetime:
    if circuit.retry_at is None:
        raise ValueError(f"The circuit of {circuit} is open without an end.")
    by_account = circuit.trouble == Circuit.Trouble.ACCOUNT
    return circuit.retry_at + (_WORKERS_TURN if by_account else timedelta())


def _share(circuit: Circuit, now: datetime) -> float:
    return _FIRST_SHARE + (1 - _FIRST_SHARE) * ((now - circuit.changed_at) / RAMP)


def _weight(error: str, latency_ms: int | None) -> float:
    if error in _COUNTED:
        return 1.0
    return _SLOW_WEIGHT if _is_slow(latency_ms) else 0.0


def _run(weights: Iterable[float]) -> float:
    """Return the weight of the failures since the last attempt that went well."""
    total = 0.0
    for weight in weights:
        if weight == 0.0:
            break
        total += weight
    return total


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S} UTC"
