"""Readiness of a Mailgun domain: asks for the domain, its queue, and the account's limit.

Paths and shapes: https://github.com/mailgun/mailgun-mcp-server, src/openapi.yaml: GET /v4/domains/{name},
GET /v3/domains/{name}/sending_queues, GET /v5/accounts/limit/custom/monthly. A domain's sending key may only send:
https://documentation.mailgun.com/docs/mailgun/user-manual/api-key-mgmt/rbac-mgmt
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from providers.errors import AccountProblem, ProviderError, Throttled, Unavailable
from providers.mailgun import errors
from providers.readiness import Quota, Readiness, Sender, count
from providers.wire import http, inquiry
from providers.wire.inquiry import Inquiry

_NEARLY = 0.9
_PERIODS = {"m": "month", "d": "day", "h": "hour"}

# A custom domain is in one of two regions, and is known in that region only.
_REGIONS = (
    "Domains in Europe are asked for at https://api.eu.mailgun.net, all others at https://api.mailgun.net."
)


def check(questions: Inquiry, domain: str, senders: Sequence[str]) -> Readiness:
    """Ask for the domain, its queue, and the account's custom limit."""
    return inquiry.gather(questions.name, senders, lambda some: _learned(questions, domain, some))


def _learned(questions: Inquiry, domain: str, senders: Sequence[str]) -> Iterator[Readiness]:
    path = quote(domain, safe="")
    found = get_domain(questions, domain)
    yield standing(questions, domain, found)
    verified = is_verified(found)
    states = {address: sender(address, domain, verified=verified) for address in senders}
    yield Readiness(provider=questions.name, senders=states)
    yield queue(questions, domain, questions.ask(f"/v3/domains/{path}/sending_queues"))
    yield limit(questions.name, questions.ask("/v5/accounts/limit/custom/monthly"))


def get_domain(questions: Inquiry, domain: str) -> Mapping[str, Any]:
    """Return Mailgun's answer about a domain; raise Untold or a ProviderError without one."""
    answer = questions.ask(f"/v4/domains/{quote(domain, safe='')}")
    found = _parsed(answer)
    if not _part(found, "domain"):
        raise _refusal(questions, domain, answer)
    return found


def _refusal(questions: Inquiry, domain: str, answer: http.Answer) -> ProviderError:
    """Return the error for an answer without a domain; some of Mailgun's refusals are plain text."""
    message, code = errors.message(answer.body), str(answer.status)
    said = f"Mailgun answered {answer.status}: {questions.said(message or answer.body)}"
    is_markup = answer.body.lstrip().startswith(b"<")
    if answer.status in (401, 403) and not is_markup:
        advice = (
            "Enter a key of the account, and look there whether it admits this machine's IP address. "
            "A domain's sending key may send and not ask: whether it works, only a rehearsal tells."
        )
        return AccountProblem(
            f"{questions.name}: the key may not ask for {domain}. {advice} {said}", code=code
        )
    if answer.status == 404 and message:
        advice = f"Look whether it is spelt so and belongs to the account of the key. {_REGIONS}"
        return AccountProblem(f"{questions.name}: there is no domain {domain}. {advice} {said}", code=code)
    if answer.status in (420, 429) and not is_markup:
        return Throttled(f"{questions.name} wants fewer questions; ask again later. {said}", code=code)
    if answer.status >= 500 and message:
        return Unavailable(f"{questions.name} is failing; look at Mailgun's status page. {said}", code=code)
    return questions.foreign(answer)


def standing(questions: Inquiry, domain: str, found: Mapping[str, Any]) -> Readiness:
    """Return the readiness by Mailgun's answer about the domain."""
    name, told = questions.name, _part(found, "domain")
    state = told.get("state")
    warnings = []
    if told.get("type") == "sandbox":
        warnings.append(
            f"{name}: {domain} is a sandbox domain: Mailgun delivers to its authorized recipients only."
        )
    if state not in ("active", "unverified", "disabled"):
        warnings.append(f"{name}: Mailgun calls the state of {domain} {questions.said(str(state))!r}.")
    return Readiness(
        provider=name,
        problems=tuple(_problems(questions, domain, found)),
        warnings=tuple(warnings),
        sandbox={"sandbox": True, "custom": False}.get(str(told.get("type"))),
    )


def is_verified(found: Mapping[str, Any]) -> bool | None:
    """Return whether Mailgun has verified the domain; None for an unknown state."""
    return {"active": True, "unverified": False, "disabled": False}.get(
        str(_part(found, "domain").get("state"))
    )


def sender(address: str, domain: str, *, verified: bool | None) -> Sender:
    """Return the state of a sender: whether its domain aligns with the one that Mailgun signs for."""
    host, domain = address.rpartition("@")[2].lower(), domain.lower()
    if host == domain or host.endswith(f".{domain}"):
        return Sender(verified=verified, detail="" if verified else f"Mailgun has not verified {domain}.")
    if domain.endswith(f".{host}"):
        aligned = f"Mailgun signs as {domain}. DMARC takes that for {host}, unless its policy is strict."
        return Sender(verified=None, detail=aligned)
    apart = (
        f"Mailgun takes it and signs as {domain}: DKIM and DMARC do not align with {host}, and the mail may be "
        f"taken for spam. Use an address of {domain}, or configure {host} as a Mailgun domain of its own."
    )
    return Sender(verified=None, detail=apart)


def queue(questions: Inquiry, domain: str, answer: http.Answer) -> Readiness:
    """Return the readiness by the answer about the domain's queue."""
    name, regular = questions.name, _part(_parsed(answer), "regular")
    if not regular:
        words = questions.said(errors.message(answer.body) or answer.body)
        untold = (
            f"{name}: Mailgun does not tell whether its queue takes mail: {answer.status} {words}".rstrip()
        )
        return Readiness(provider=name, warnings=(untold,))
    if regular.get("is_disabled") is not True:
        return Readiness(provider=name)
    why = _because(questions, _part(regular, "disabled"))
    full = f"{name}: Mailgun takes no more mail of {domain}{why}. Wait, or ask Mailgun's support."
    return Readiness(provider=name, problems=(full,))


def limit(name: str, answer: http.Answer) -> Readiness:
    """Return the readiness by the account's custom limit; most accounts have none, many keys may not ask."""
    found = _parsed(answer)
    most, used = _number(found, "limit"), _number(found, "current")
    if most is None or used is None:
        return Readiness(provider=name)
    quota = Quota(limit=most, used=used, per=_period(str(found.get("period"))))
    share = f"{used:.0f} of the {most:.0f} messages that the account's sending limit allows per {quota.per}"
    if used >= most:
        full = f"{name} has sent {share}. Raise the limit in Mailgun's settings, or wait."
        return Readiness(provider=name, problems=(full,), quota=quota)
    nearly = (f"{name} has sent {share}.",) if used >= _NEARLY * most else ()
    return Readiness(provider=name, warnings=nearly, quota=quota)


def _problems(questions: Inquiry, domain: str, found: Mapping[str, Any]) -> Iterator[str]:
    name, told = questions.name, _part(found, "domain")
    disabled = _part(told, "disabled")
    if told.get("is_disabled", bool(disabled)) or told.get("state") == "disabled":
        yield f"{name}: Mailgun has disabled {domain}{_because(questions, disabled)}. Ask Mailgun's support."
    if told.get("state") == "unverified":
        advice = "Add the DNS records that Mailgun shows for it, and have them verified there."
        yield f"{name}: Mailgun has not verified {domain}. {advice}{_missing(questions, found)}"


def _because(questions: Inquiry, disabled: Mapping[str, Any]) -> str:
    reason, until = (questions.said(str(disabled.get(name) or "")) for name in ("reason", "until"))
    return (f": {reason}" if reason else "") + (f" (until {until})" if until else "")


def _missing(questions: Inquiry, found: Mapping[str, Any]) -> str:
    records = found.get("sending_dns_records")
    listed = [record for record in records if isinstance(record, dict)] if isinstance(records, list) else []
    names = [f"{one.get('record_type')} {one.get('name')}" for one in listed if one.get("valid") != "valid"]
    return f" Not valid yet: {questions.said(', '.join(names))}." if names else ""


def _period(named: str) -> str:
    """Return Mailgun's period in words: 1m is a month, 30d are 30 days."""
    number, unit = named[:-1], _PERIODS.get(named[-1:], "period")
    return unit if number in ("", "1") or not number.isdecimal() or len(number) > 3 else f"{number} {unit}s"


def _number(found: Mapping[str, Any], key: str) -> float | None:
    return count(found.get(key))


def _part(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = found.get(name)
    return part if isinstance(part, dict) else {}


def _parsed(answer: http.Answer) -> Mapping[str, Any]:
    try:
        found = json.loads(answer.body) if answer.status == 200 else None
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
