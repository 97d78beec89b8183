"""Readiness checks: ask the providers whether they would accept mail, before an outage. Nothing is sent."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet

from delivery.content import addresses
from delivery.db import clock
from delivery.events import polling
from delivery.models import ApiKey, Circuit, Email, ProviderCheck
from delivery.routing import circuits, configured, policy
from providers.base import Provider
from providers.errors import ProviderError
from providers.readiness import Readiness, count
from providers.ses.queue import Queue

INTERVAL = timedelta(minutes=10)  # between two periodic checks
_INTERVAL_OF_RIPE = timedelta(seconds=30)  # while a check may close a circuit, or an account cannot send
_EMAILS_TURN = timedelta(seconds=15)  # a failing provider is probed with an email first, if there is one
_MANY_EVENTS = 5000  # a worker reads as many within minutes
_MOST_EMAILS, _MOST_PER_DOMAIN, _MOST_SENDERS = 1000, 2, 25


def check_all() -> list[tuple[ProviderCheck, Readiness]]:
    """Check every configured provider now."""
    senders = senders_in_use()
    return [check(provider, senders) for provider in configured.providers()]


def check(provider: Provider, senders: list[str]) -> tuple[ProviderCheck, Readiness]:
    """Check one provider, store its answer, and open, close or reopen its circuit by it."""
    began, answer = clock.now(), _with_queue(provider.check(senders))
    is_back = answer.asked and answer.ready and _can_send_again(provider.name)
    row, _ = ProviderCheck.objects.update_or_create(provider=provider.name, defaults=_fields(answer))
    for circuit in _ripe(provider.name) if answer.asked else ():
        _probe(circuit, answer)
    if answer.stopped:
        circuits.report_account(provider.name, answer.stopped, began)
    if is_back:
        circuits.report_restored(provider.name)
    return row, answer


def check_due() -> None:
    """Check the providers whose last check is old, and those whose circuit a check may close."""
    senders = senders_in_use()
    for provider in configured.providers():
        if take_turn(provider.name, _every(provider.name)):
            check(provider, senders)


def take_turn(provider: str, every: timedelta) -> bool:
    """Take the turn to check a provider, if it is due; of all processes one gets it."""
    now = clock.now()
    _, made = ProviderCheck.objects.get_or_create(
        provider=provider, defaults={"asked_at": now, "checked_at": None}
    )
    old = ProviderCheck.objects.filter(provider=provider, asked_at__lte=now - every)
    return made or bool(old.update(asked_at=now))


def answers() -> dict[str, ProviderCheck]:
    """Return the last answer of each configured provider that has given one, by name."""
    found = ProviderCheck.objects.exclude(checked_at=None).in_bulk(configured.names())
    for check in found.values():
        check.quota = _known(check.quota)
    return found


def _known(quota: Any) -> dict[str, Any] | None:
    """Return a stored quota; None if it is not made of counts, as older versions could store it."""
    if not isinstance(quota, dict):
        return None
    limit, used = count(quota.get("limit")), count(quota.get("used"))
    if limit is None or used is None:
        return None
    return {"limit": limit, "used": used, "per": str(quota.get("per", ""))}


def senders_in_use() -> list[str]:
    """Return up to 25 sender addresses, two for each domain: from the settings, the latest emails, the API keys."""
    found: dict[str, list[str]] = {}
    for address in _candidates():
        known = found.setdefault(address.rpartition("@")[2], [])
        if address not in known and len(known) < _MOST_PER_DOMAIN:
            known.append(address)
    return [address for known in found.values() for address in known][:_MOST_SENDERS]


def _candidates() -> Iterator[str]:
    if settings.DEFAULT_FROM_EMAIL:
        yield addresses.canonical(addresses.mailbox(settings.DEFAULT_FROM_EMAIL).address)
    newest = Email.objects.order_by("-id").values_list("from_address", flat=True)[:_MOST_EMAILS]
    yield from map(addresses.canonical, newest)
    for rules in ApiKey.objects.filter(revoked_at=None).values_list("from_addresses", flat=True):
        yield from (f"postmaster{rule}" if rule.startswith("@") else rule for rule in rules)


def _ripe(provider: str) -> QuerySet[Circuit]:
    """Return the provider's circuit if it is open and due for a probe by a readiness check."""
    now = clock.now()
    failing = Q(trouble=Circuit.Trouble.FAILING, retry_at__lte=now - _EMAILS_TURN)
    account = Q(trouble=Circuit.Trouble.ACCOUNT, retry_at__lte=now)
    is_open = Q(state=Circuit.State.OPEN) | Q(state=Circuit.State.PROBING, retry_at__lte=now)
    return Circuit.objects.filter(is_open, failing | account, provider=provider, sender_domain="")


def _shut_accounts(provider: str) -> QuerySet[Circuit]:
    """Return the provider's circuit if its account cannot send."""
    trouble = Circuit.Trouble.ACCOUNT
    return Circuit.objects.filter(
        state=Circuit.State.OPEN, trouble=trouble, provider=provider, sender_domain=""
    )


def _every(provider: str) -> timedelta:
    """Return how old an answer may become; one of before its account was shut is too old."""
    for circuit in _shut_accounts(provider):
        return min(_INTERVAL_OF_RIPE, max(clock.now() - circuit.changed_at, timedelta()))
    return _INTERVAL_OF_RIPE if _ripe(provider).exists() else INTERVAL


def _can_send_again(provider: str) -> bool:
    """Tell whether a vendor that is content now was not when it was asked last, since it shut the account.

    Some call an account ready whose every mail they refuse: those are not believed before their time.
    """
    before = ProviderCheck.objects.filter(provider=provider, checked_at__isnull=False).first()
    if not (before and before.problems and before.checked_at):
        return False
    return _shut_accounts(provider).filter(changed_at__lte=before.checked_at).exists()


def _probe(circuit: Circuit, answer: Readiness) -> None:
    probe = circuits.take_probe(circuit)
    if probe and answer.ready:
        circuits.close(circuit.provider, probe)
    elif probe:
        told = policy.Told(reason=" ".join(answer.problems))
        circuits.reopen(circuit.provider, probe, circuit.trouble, told)


def _with_queue(answer: Readiness) -> Readiness:
    """Add what is to be said of the queue in which the provider's events wait, if it has one."""
    queue = polling.queues().get(answer.provider)
    warning = _of_queue(answer.provider, queue) if queue else ""
    return replace(answer, warnings=(*answer.warnings, warning)) if warning else answer


def _of_queue(account: str, queue: Queue) -> str:
    try:
        waiting = queue.length()
    except ProviderError as problem:
        return f"Its events cannot be read. {problem.detail}"
    if waiting < _MANY_EVENTS:
        return ""
    return f"{account}: about {waiting:,} events wait in its queue. Look whether a worker is running."


def _fields(answer: Readiness) -> dict[str, Any]:
    return {
        "asked_at": clock.now(),
        "checked_at": clock.now(),
        "can_be_asked": answer.asked,
        "problems": list(answer.problems),
        "warnings": list(answer.warnings),
        "sandbox": answer.sandbox,
        "quota": asdict(answer.quota) if answer.quota else None,
        "senders": {address: asdict(sender) for address, sender in answer.senders.items()},
    }
