"""The sandbox accepts every message and delivers none, for development: the emails are in the log."""

from collections import deque
from collections.abc import Sequence
from typing import ClassVar

from providers.base import Limits
from providers.message import Message, Receipt
from providers.mime import build
from providers.readiness import Readiness, Sender

LIMITS = Limits(max_bytes=40_000_000, max_recipients=1000, special_use_domains=True)


class Sandbox:
    """Builds each message, so that an invalid one fails here as well, and discards it."""

    type: ClassVar[str] = "sandbox"

    def __init__(self, name: str = "sandbox") -> None:
        """Take a name in GOMAIL_PROVIDERS."""
        self.name = name
        self.limits = LIMITS

    def __repr__(self) -> str:
        """Show the name."""
        return f"Sandbox({self.name!r})"

    def send(self, message: Message, attempt_id: str) -> Receipt:
        """Accept a message; raise `Refused` if it cannot be built."""
        deque(build.chunks(message), maxlen=0)
        return Receipt(provider=self.name, message_id=f"sandbox-{attempt_id}")

    def rehearse(self, message: Message, attempt_id: str) -> Receipt:
        """Accept a message as send does, which delivers nothing either."""
        return self.send(message, attempt_id)

    def close(self) -> None:
        """Close nothing: there are no connections."""

    def check(self, senders: Sequence[str]) -> Readiness:
        """Report that it accepts everything and delivers nothing."""
        return Readiness(
            provider=self.name,
            warnings=(f"{self.name} delivers nothing: it is for development.",),
            sandbox=True,
            senders=dict.fromkeys(senders, Sender(verified=True, detail="The sandbox allows any sender.")),
        )
