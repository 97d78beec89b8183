"""The gate: lets one email through to providers by the state of their circuits."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from delivery.db import clock
from delivery.models import Attempt, Circuit, Email
from delivery.routing import circuit_cache, circuits, policy
from delivery.routing.governor import Permit
from delivery.routing.permits import Permits
from delivery.routing.policy import Refusal
from providers.base import Answer, Provider


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """Whether a gate would let an email through to a provider."""

    lets_through: bool
    reason: str = ""  # why not, or the condition


def outlook(name: str, sender: str = "") -> Outlook:
    """Tell whether an email of this sender would get through, without taking a probe or a random share.

    Without a sender, what is known of senders is left out of account.
    """
    now, whole = clock.now(), circuit_cache.of_provider(name, sender)
    for circuit in circuit_cache.of(name, sender):
        if refusal := policy.shut(circuit, now):
            return Outlook(lets_through=False, reason=refusal.reason)
    if whole and whole.state != Circuit.State.CLOSED:
        reason = f"{whole} would be tried with this email, unless another one tries it first."
        return Outlook(lets_through=True, reason=reason)
    if whole and policy.is_on_ramp(whole, now):
        reason = f"{whole} has just come back and gets a part of the emails; the next one gets the others."
        return Outlook(lets_through=True, reason=reason)
    return Outlook(lets_through=True)


class Gate:
    """Yields the providers that may be used for one email, and passes their answers to the circuits."""

    def __init__(
        self,
        email: Email,
        providers: Sequence[Provider],
        *,
        recipients: int = 1,
        permit: Permit | None = None,
    ) -> None:
        """Take the email and the providers in order; reasons for leaving one out are added to email.left_out."""
        self._email = email
        self._permits = Permits(email, recipients, permit or Permit())
        self._providers = providers
        self._position = 0  # of the next provider
        self._sender = email.from_address.lower()
        self._probes: dict[str, UUID] = {}
        self._refusals: dict[str, Refusal] = {}

    @property
    def reason(self) -> str:
        """Why providers were left out, for a person."""
        return " ".join(refusal.reason for refusal in self._refusals.values())

    def seconds_to_wait(self) -> float | None:
        """Return the seconds until a provider that was not asked may be asked; None if all were asked."""
        if self._position < len(self._providers) and not self._permits.wants_to_stay:
            return 0.0
        now = clock.now()
        soonest = min((refusal.until for refusal in self._refusals.values()), default=None)
        return max(0.0, (soonest - now).total_seconds()) if soonest else None

    def next(self) -> Provider | None:
        """Return the next provider that may be used, or None. If the database fails, the call can be repeated."""
        while self._position < len(self._providers) and not self._permits.wants_to_stay:
            provider = self._providers[self._position]
            refusal = self._refusal(provider)
            self._position += 1
            if refusal is None:
                return provider
            self._refusals[provider.name] = refusal
            self._email.left_out[provider.name] = refusal.reason
        return None

    def begin(self, provider: Provider) -> None:
        """Tell that the provider is called now; if its turn has passed for too long this waits for another one."""
        self._permits.begin(provider)

    def learn(self, attempt: Attempt, answer: Answer) -> None:
        """Pass an answer to the circuits; it is durable already."""
        probe = self._probes.pop(attempt.provider, None)
        circuits.learn(attempt, answer, sender=self._sender, probe=probe)

    def release(self) -> None:
        """Give back the probes that were not made, and the permits that were not used."""
        for provider in self._providers:
            self._permits.drop(provider)
        while self._probes:
            circuits.give_back(*self._probes.popitem())

    def _refusal(self, provider: Provider) -> Refusal | None:
        now = clock.now()
        for circuit in circuit_cache.of(provider.name, self._sender):
            if refusal := policy.refusal(circuit, now):
                return refusal
        return self._permits.take(provider) or self._refusal_of_probe(provider)

    def _refusal_of_probe(self, provider: Provider) -> Refusal | None:
        name = provider.name
        whole = circuit_cache.of_provider(name, self._sender)
        if whole is None or whole.state == Circuit.State.CLOSED:
            return None
        probe = circuits.take_probe(whole)
        if probe is None:
            self._permits.drop(provider)
            return policy.probed_elsewhere(whole, clock.now())
        self._probes[name] = probe
        return None
