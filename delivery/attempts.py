"""The attempts of one claimed email: each row is durable before its call, and closed by what became of it."""

import time

from django.db import transaction
from django.db.models.functions import Now

from delivery.models import Attempt, Email
from delivery.models.email import LEASE
from providers.base import Provider
from providers.errors import ProviderError
from providers.message import Message, Receipt

_LONGEST_DETAIL = 2000


def begin(email: Email, provider: Provider) -> Attempt:
    """Write down that this email is about to be offered to this provider."""
    return Attempt.objects.create(email=email, provider=provider.name, epoch=email.epoch)


class Log:
    """Writes the attempts of one round.

    What the last one came to is kept in memory until it is stored: together with the start of the next attempt,
    or with the outcome of the email, in one transaction each.
    """

    def __init__(self, email: Email, first: Attempt) -> None:
        """Start with an attempt that is durable already."""
        self._email = email
        self._prepared: Attempt | None = first
        self.last = first

    def attempt(self, provider: Provider, message: Message) -> Receipt:
        """Offer the message to one provider, and keep what came of it; the form that `failover.send` asks for."""
        self.last = self._take_prepared() or self._next(provider)
        started = time.monotonic()
        try:
            receipt = provider.send(message, str(self.last.pk))
        except ProviderError as error:
            self._keep(started, error.outcome, code=error.code[:100], detail=error.detail[:_LONGEST_DETAIL])
            raise
        self._keep(started, Attempt.Outcome.ACCEPTED, provider_message_id=receipt.message_id[:255])
        return receipt

    def store(self) -> None:
        """Write what the last attempt came to; the caller holds the transaction."""
        self.last.save(update_fields=["outcome", "provider_message_id", "code", "detail", "latency_ms"])

    def _take_prepared(self) -> Attempt | None:
        prepared, self._prepared = self._prepared, None
        return prepared

    def _next(self, provider: Provider) -> Attempt:
        with transaction.atomic():
            self.store()
            self._email.still_mine().update(lease_until=Now() + LEASE)
            return begin(self._email, provider)

    def _keep(self, started: float, outcome: str, **answer: str) -> None:
        self.last.outcome = outcome
        self.last.latency_ms = round((time.monotonic() - started) * 1000)
        for field, value in answer.items():
            setattr(self.last, field, value)
