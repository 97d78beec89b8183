"""What every provider is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from providers.errors import ProviderError
from providers.message import Message, Receipt
from providers.readiness import Readiness


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a provider can carry, from the vendor's documents."""

    max_bytes: int  # the whole message after encoding
    max_recipients: int  # to + cc + bcc
    blocked_extensions: frozenset[str] = frozenset()  # lower case, without the dot
    needs_subject: bool = False


Answer = Receipt | ProviderError  # what a provider answered to one message


class Provider(Protocol):
    """One account at one vendor. Safe to use from many threads; opens connections lazily, after a fork."""

    type: ClassVar[str]
    limits: ClassVar[Limits]

    @property
    def name(self) -> str:
        """Its name in GOMAIL_PROVIDERS."""

    def send(self, message: Message, attempt_id: str) -> Receipt:
        """Hand over one message once, attempt_id in its metadata; raise a ProviderError otherwise."""

    def check(self, senders: Sequence[str]) -> Readiness:
        """Tell whether it would carry mail from these addresses now, by calls that send nothing. Raises nothing."""

    def rehearse(self, message: Message, attempt_id: str) -> Receipt:
        """Hand over a message as the vendor's test mode takes it, so that nobody gets it; `NoTestMode` without one."""
