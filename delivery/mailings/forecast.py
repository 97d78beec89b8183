"""The forecast of a check: who would carry the mailing, how long it takes, and which quotas it would use up."""

import math
from typing import Any, Final

from delivery import bundles
from delivery.access import terms, usage
from delivery.content.drafts import Draft
from delivery.mailings import content
from delivery.models import Mailing, ProviderCheck
from delivery.routing import configured, gate, governor
from providers.base import Provider
from providers.message import Message

_A_SECOND: Final = 1_000_000_000  # nanoseconds


def providers(mailing: Mailing, sample: Draft | None) -> list[dict[str, Any]]:
    """Return for each provider whether it would carry the mailing's emails now, and why not."""
    told = ProviderCheck.objects.exclude(checked_at=None).in_bulk(configured.names())
    message = bundles.waiting(sample, mailing.team).message() if sample else None
    address = content.sender(mailing, mailing.group).address if mailing.group else ""
    found = []
    for provider in configured.providers():
        why = _hindrance(provider, message, told.get(provider.name), address)
        found.append({"name": provider.name, "ready": not why, "reason": why})
    return found


def of(mailing: Mailing, recipients: int) -> dict[str, Any]:
    """Return seconds and emails a second, None where nobody limits them; and each quota, with what is left of it."""
    rates = [rate for rate in (mailing.rate, _of_providers(), _of_team(mailing)) if rate]
    per_second = min(rates) if rates else None
    return {
        "seconds": math.ceil(recipients / per_second) if per_second else None,
        "per_second": per_second,
        "quota": [*_quotas_of_team(mailing, recipients), *_quotas_of_providers(recipients)],
    }


def _hindrance(provider: Provider, message: Message | None, told: ProviderCheck | None, address: str) -> str:
    """Return why a provider would not carry it; empty: nothing is known against it."""
    if message and (unfit := configured.unfit(provider, message)):
        return unfit
    seen = gate.outlook(provider.name, address.lower())
    if not seen.lets_through:
        return seen.reason
    return _refusal(told, address) if told else ""


def _refusal(told: ProviderCheck, address: str) -> str:
    if told.problems:
        return str(told.problems[0])
    if told.sandbox and told.provider not in configured.SANDBOX:
        return f"{told.provider} is in the vendor's sandbox and does not deliver to everybody."
    sender = told.senders.get(address, {})
    if sender.get("verified") is False:
        return f"{told.provider} would not take mail from {address}. {sender.get('detail', '')}".rstrip()
    return ""


def _of_providers() -> float | None:
    """Return how many a second all providers take; None: one of them as many as one likes."""
    rates = []
    for provider in configured.providers():
        line = governor.line(provider)
        known = line.known() if line else None
        if known is None or not known.every:
            return None
        rates.append(_A_SECOND / known.every)
    return sum(rates) or None


def _of_team(mailing: Mailing) -> float | None:
    rates = [
        rate.per_second
        for account in terms.accounts(mailing.team)
        for rate in account.terms.rates
        if rate.column == "full_at"
    ]
    return min(rates, default=None)


def _quotas_of_team(mailing: Mailing, recipients: int) -> list[dict[str, Any]]:
    """Return the day of the team, if it is limited."""
    found = []
    for account in terms.accounts(mailing.team):
        for policy in usage.policies(account, usage.of(account)):
            if policy.code == "daily_quota_exceeded":
                found.append(_quota("team", policy.left, policy.quota, recipients))
    return found


def _quotas_of_providers(recipients: int) -> list[dict[str, Any]]:
    found = []
    for provider in configured.providers():
        line = governor.line(provider)
        known = line.known() if line else None
        if known and known.day is not None:
            left = max(known.day - known.used, 0)
            found.append(_quota(provider.name, left, known.day, recipients))
    return found


def _quota(name: str, left: int, of: int, recipients: int) -> dict[str, Any]:
    return {"name": name, "left": left, "of": of, "enough": left >= recipients}
