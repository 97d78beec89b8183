"""The configured providers, and those that can carry a message."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from django.conf import settings

from providers import registry
from providers.base import Metered, Provider
from providers.events import Source
from providers.message import Message
from providers.mime import fit
from providers.sender_domains import SenderDomains

SANDBOX = ("sandbox",)


class NobodyCanCarry(Exception):
    """No configured provider can carry the message."""

    def __init__(self, reasons: dict[str, str]) -> None:
        """Keep the reasons: {provider's name: sentence}."""
        super().__init__("; ".join(reasons.values()))
        self.reasons = reasons


def providers() -> tuple[Provider, ...]:
    """Return the providers with credentials, in order of preference; in development the sandbox if none has any."""
    found = _build(settings.GOMAIL_PROVIDERS, _variables())
    return found or (_build(SANDBOX, _variables()) if settings.DEBUG else ())


def names() -> list[str]:
    """Return the names of the configured providers, in order of preference."""
    return [provider.name for provider in providers()]


def metered() -> tuple[Metered, ...]:
    """Return the providers that can tell how much and how fast they may send."""
    return _metered(providers())


def source(account: str) -> Source | None:
    """Return where an account's events come from; None if there is no such account, or its type tells of none."""
    return _sources(tuple(settings.GOMAIL_PROVIDERS), _variables()).get(account)


def sender_domains() -> dict[str, SenderDomains]:
    """Return what each provider is asked about domains by, in order of preference; close them. Nothing is asked yet."""
    every = registry.sender_domains((*settings.GOMAIL_PROVIDERS, *SANDBOX), settings.PROVIDER_SECRETS)
    return {name: every[name] for name in names() if name in every}


def problems() -> list[str]:
    """Return a sentence for each provider that is named in GOMAIL_PROVIDERS and cannot be used."""
    return registry.problems(settings.GOMAIL_PROVIDERS, settings.PROVIDER_SECRETS)


def eligible(message: Message) -> tuple[list[Provider], dict[str, str]]:
    """Return the providers that can carry a message, in order, and the reasons of the others by name.

    Raises NobodyCanCarry.
    """
    reasons = {provider.name: unfit(provider, message) for provider in providers()}
    left_out = {name: reason for name, reason in reasons.items() if reason}
    able = [provider for provider in providers() if provider.name not in left_out]
    if not able:
        raise NobodyCanCarry(left_out)
    return able, left_out


def fitted(message: Message) -> dict[str, tuple[str, ...]]:
    """Return what each provider would be given otherwise than it was asked for, by the providers' names."""
    return {provider.name: fit.fitted(provider, message) for provider in providers()}


def unfit(provider: Provider, message: Message) -> str:
    """Return why a provider cannot carry this message, by what the operator has set; empty when it can."""
    return fit.unfit(provider, message, allowed_headers=settings.GOMAIL_ALLOWED_HEADERS)


def _variables() -> tuple[tuple[str, str], ...]:
    return tuple(settings.PROVIDER_SECRETS.items())


@lru_cache(maxsize=16)
def _metered(several: tuple[Provider, ...]) -> tuple[Metered, ...]:
    return tuple(provider for provider in several if isinstance(provider, Metered))


@lru_cache(maxsize=16)  # one set per process and configuration: certificates are kept in it
def _sources(names: Sequence[str], values: tuple[tuple[str, str], ...]) -> Mapping[str, Source]:
    accounts = [word.partition("=")[0].strip() for word in names]
    found = {account: registry.source(account, names, dict(values)) for account in accounts}
    return {account: source for account, source in found.items() if source}


@lru_cache(maxsize=16)  # one set of clients and connection pools per process and configuration
def _build(names: Sequence[str], values: tuple[tuple[str, str], ...]) -> tuple[Provider, ...]:
    return registry.build(tuple(names), dict(values))
