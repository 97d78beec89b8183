"""The interface of every provider."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from providers.errors import ProviderError
from providers.message import Message, Receipt
from providers.readiness import Readiness


@dataclass(frozen=True, kw_only=True)
class Limits:
    """A provider's limits on messages, from the vendor's documentation."""

    max_bytes: int  # the whole message after encoding
    max_recipients: int  # to + cc + bcc
    blocked_extensions: frozenset[str] = frozenset()  # lower case, without the dot
    needs_subject: bool = False


Answer = Receipt | ProviderError  # a provider's answer to one message


class Provider(Protocol):
    """One account at one vendor. Thread-safe; opens connections lazily, after a fork."""

    type: ClassVar[str]
    limits: ClassVar[Limits]

    @property
    def name(self) -> str:
        """Its name in GOMAIL_PROVIDERS."""

    def send(self, message: Message, attempt_id: str) -> Receipt:
        """Hand over a message once, with attempt_id in its metadata; raise a ProviderError if not accepted."""

    def check(self, senders: Sequence[str]) -> Readiness:
        """Tell whether it would accept mail from these addresses now, by calls that send nothing. Raises nothing."""

    def close(self) -> None:
        """Close the kept connections; the next message opens new ones."""

    def rehearse(self, message: Message, attempt_id: str) -> Receipt:
        """Hand over a message in the vendor's test mode, so that nobody gets it; raise NoTestMode if it has none."""
