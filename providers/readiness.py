"""Readiness: a provider's answer when it is asked, without sending, whether it would accept mail."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_BEYOND = 1e15  # larger than any count of messages


class NoTestMode(Exception):
    """The vendor has no test mode; the text says so, and what was done instead."""


@dataclass(frozen=True, kw_only=True)
class Quota:
    """The account's quota and its use."""

    limit: float  # messages or recipients, as the vendor counts
    used: float
    per: str  # "24 hours", "hour", "month": the period, as it follows "per" in a sentence


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """How much and how fast an account may send: recipients, of all who send by it. None: as many as you like."""

    per_second: float | None = None
    day: int | None = None  # in any 24 hours
    used: int = 0  # of the day


@dataclass(frozen=True, kw_only=True)
class Sender:
    """Whether the account may send from one address."""

    verified: bool | None  # None: the vendor does not tell
    detail: str = ""  # for a person: what is missing and where to fix it; or how it is known


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """Whether a provider would accept mail now, in the vendor's words or ours."""

    provider: str  # its name in GOMAIL_PROVIDERS
    asked: bool = True  # False: it can be tested only by sending, so an empty list of problems proves nothing
    problems: tuple[str, ...] = ()  # each reason why it would not, with the remedy; empty: it would
    warnings: tuple[
        str, ...
    ] = ()  # what a person should know: nearly full, reputation low, could not be asked
    stopped: str = (
        ""  # the problem by which the account can send nothing, whatever the mail; empty: there is none
    )
    sandbox: bool | None = None  # accepts mail but does not deliver it to everybody; None: unknown
    quota: Quota | None = None  # None: unknown
    senders: Mapping[str, Sender] = field(default_factory=dict)  # by the address asked about

    @property
    def ready(self) -> bool:
        """Whether mail from a verified sender would be carried."""
        return not self.problems


def count(value: Any) -> float | None:
    """Return a count from a vendor's JSON; None for anything else: a text, NaN, a negative or an absurd number."""
    return float(value) if type(value) in (int, float) and 0 <= value < _BEYOND else None
