"""Offer a message to one provider after the other. Which errors move on their class decides, here only."""

from collections.abc import Callable, Iterable

from providers.base import Provider
from providers.errors import NobodyAccepted, NotAccepted
from providers.message import Message, Receipt


def send(
    message: Message,
    candidates: Iterable[Provider],
    attempt: Callable[[Provider, Message], Receipt],
) -> Receipt:
    """Return the first receipt; `Refused` and `Unknown` end the walk, `NobodyAccepted` ends it at the end."""
    failures = []
    for provider in candidates:
        try:
            return attempt(provider, message)
        except NotAccepted as failure:
            failures.append(failure)
    raise NobodyAccepted(failures)
