"""A provider that accepts every message and delivers none, for development: the record is in the database."""

from collections import deque
from typing import ClassVar

from providers import mime
from providers.base import Limits
from providers.message import Message, Receipt


class Sandbox:
    """Builds each message, so that one which cannot be built fails here as well, and keeps nothing."""

    type: ClassVar[str] = "sandbox"
    limits: ClassVar[Limits] = Limits(max_bytes=40_000_000, max_recipients=1000)

    def __init__(self, name: str = "sandbox") -> None:
        """Take a name in GOMAIL_PROVIDERS."""
        self._name = name

    def __repr__(self) -> str:
        """Name it."""
        return f"Sandbox({self.name!r})"

    @property
    def name(self) -> str:
        """Its name in GOMAIL_PROVIDERS."""
        return self._name

    def send(self, message: Message, attempt_id: str) -> Receipt:
        """Accept one message; `Refused` if it cannot be built."""
        deque(mime.chunks(message), maxlen=0)
        return Receipt(provider=self.name, message_id=f"sandbox-{attempt_id}")
