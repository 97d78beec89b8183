"""Failover: offers a message to one provider after another. The error's class decides whether to go on, only here."""

from collections.abc import Callable, Iterable

from providers.base import Provider
from providers.errors import NobodyAccepted, NotAccepted, Unreadable
from providers.message import Message, Receipt


def send(
    message: Message,
    candidates: Iterable[Provider],
    attempt: Callable[[Provider, Message], Receipt],
) -> Receipt:
    """Return the first receipt. `Refused` and `Unknown` pass through; raise `NobodyAccepted` if all fail otherwise."""
    failures = []
    for provider in candidates:
        try:
            return attempt(provider, message)
        except NotAccepted as failure:
            failures.append(failure)
            if isinstance(failure, Unreadable):  # by us: the next provider would not get it either
                break
    raise NobodyAccepted(failures)
