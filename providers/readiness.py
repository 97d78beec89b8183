"""What a provider says of itself when it is asked without sending anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field


class NoTestMode(Exception):
    """The vendor has no way to take a message without sending it; the message says so, and what was done instead."""


@dataclass(frozen=True, kw_only=True)
class Quota:
    """How much the account may send, as the vendor counts it."""

    limit: float  # messages or recipients, as the vendor counts
    used: float
    per: str  # "24 hours", "hour", "month": as a sentence goes on after "per"


@dataclass(frozen=True, kw_only=True)
class Sender:
    """Whether the account may send from one address."""

    verified: bool | None  # None: the vendor does not tell
    detail: str = ""  # for a person: what is missing and where to mend it; or how it is known


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """Whether a provider would carry mail now, in the vendor's own words or ours."""

    provider: str  # its name in GOMAIL_PROVIDERS
    asked: bool = True  # False: there is no call that sends nothing, so that no problem proves nothing
    problems: tuple[str, ...] = ()  # each reason why it would not, and what to do about it; empty: it would
    warnings: tuple[
        str, ...
    ] = ()  # what a person should know: nearly full, reputation low, could not be asked
    sandbox: bool | None = None  # takes mail and does not deliver it to everybody; None: not told
    quota: Quota | None = None  # None: not told
    senders: Mapping[str, Sender] = field(default_factory=dict)  # by the address asked about

    @property
    def ready(self) -> bool:
        """Whether mail from a verified sender would be carried."""
        return not self.problems
