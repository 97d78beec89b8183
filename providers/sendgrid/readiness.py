"""Readiness of SendGrid: asks for the key's scopes, the credits and the senders.

Paths and shapes: https://github.com/twilio/sendgrid-oai, spec/json: tsg_scopes_v3, tsg_user_v3,
tsg_domain_authentication_v3 and tsg_verified_senders_v3. A key for sending need not be allowed to read all of it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from providers.errors import AccountProblem, Unavailable
from providers.readiness import Quota, Readiness, Sender, count
from providers.sendgrid import errors as sendgrid_errors
from providers.wire import http, inquiry
from providers.wire.inquiry import Inquiry, Untold

_NEARLY = 0.9
_PAGE = 100  # of each list one page is read
LONGEST = 512 * 1024  # bytes of an answer: a page of domains with their DNS records has up to 200 kB
_PERIODS = {"daily": "day", "weekly": "week", "monthly": "month", "yearly": "year"}
_MEND = "in Settings, Sender Authentication"

# The meaning of a refused first question.
_KEY = {
    401: "SendGrid does not accept the key. Enter an active API key.",
    403: "SendGrid forbids the access. Look there whether the account is suspended, "
    "and whether it admits this machine's IP address.",
}

# The scope of an account that SendGrid exempted from verifying its senders.
_EXEMPT = "sender_verification_exempt"


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One of SendGrid's two lists of senders, of which one page is read."""

    states: Mapping[str, bool]  # whether a domain or address, in lower case, is verified
    gap: str = ""  # why it may be incomplete; empty: it is complete


def check(questions: Inquiry, senders: Sequence[str]) -> Readiness:
    """Ask for the key's scopes, the credits, and the two lists of senders."""
    return inquiry.gather(questions.name, senders, lambda some: _learned(questions, some))


def _learned(questions: Inquiry, senders: Sequence[str]) -> Iterator[Readiness]:
    scopes = _scopes(questions)
    yield permissions(questions.name, scopes)
    yield _credits(questions)
    if senders:
        domains = _listed(questions, f"/v3/whitelabel/domains?limit={_PAGE}", "domain", "valid")
        addresses = _listed(questions, f"/v3/verified_senders?limit={_PAGE}", "from_email", "verified")
        states = {address: sender(address, domains, addresses, scopes) for address in senders}
        yield Readiness(provider=questions.name, senders=states)


def _scopes(questions: Inquiry) -> Sequence[str]:
    answer = questions.ask("/v3/scopes")
    if answer.status in _KEY and sendgrid_errors.errors_of(answer.body):
        advice = f"{questions.name}: {_KEY[answer.status]} {_said(questions, answer)}"
        raise AccountProblem(advice, code=str(answer.status))
    told = answered(questions, answer)
    scopes = told.get("scopes") if isinstance(told, dict) else None
    if not isinstance(scopes, list):
        raise questions.foreign(answer)
    return [scope for scope in scopes if isinstance(scope, str)]


def permissions(name: str, scopes: Iterable[str]) -> Readiness:
    """Return the readiness by the key's scopes."""
    if "mail.send" in scopes:
        return Readiness(provider=name)
    lacks = f"{name}: the key may not send mail. Give it the permission Mail Send (mail.send)."
    return Readiness(provider=name, problems=(lacks,))


def _credits(questions: Inquiry) -> Readiness:
    """Keys made on SendGrid's pages may not read the credits, whatever they may else: no reason to warn."""
    try:
        answer = questions.ask("/v3/user/credits")
        told = answered(questions, answer)
    except Untold:
        return Readiness(provider=questions.name)
    if not isinstance(told, dict):
        raise questions.foreign(answer)
    return credit(questions.name, told)


def credit(name: str, told: Mapping[str, Any]) -> Readiness:
    """Return what the credits mean. A plan that bills what is sent beyond them shows an overage."""
    keys = ("total", "used", "remain", "overage")
    total, used, remain, over = (count(told.get(key)) for key in keys)
    if total is None or used is None or total <= 0:
        return Readiness(provider=name)
    period = str(told.get("reset_frequency") or "period")
    quota = Quota(limit=total, used=used, per=_PERIODS.get(period, http.said(period)))
    use = f"{used:.0f} of {total:.0f} per {quota.per} are used"
    problem, warning = "", ""
    if over is not None and over > 0:
        warning = f"{name}: the credits are used up and more is billed, {over:.0f} beyond {total:.0f}."
    elif used >= total or (remain is not None and remain <= 0):
        problem = f"{name}: the credits are used up, {use}. Wait for their reset, or take a larger plan."
    elif used >= _NEARLY * total:
        warning = f"{name}: the credits are nearly used up, {use}. Take a larger plan."
    return Readiness(
        provider=name,
        problems=(problem,) if problem else (),
        warnings=(warning,) if warning else (),
        quota=quota,
    )


def _listed(questions: Inquiry, path: str, key: str, proof: str) -> Listed:
    """Return one list; both are arrays of objects, one of them in `results`."""
    try:
        answer = questions.ask(path)
        told = answered(questions, answer)
    except Untold as untold:
        return Listed(states={}, gap=str(untold))
    rows = told.get("results") if isinstance(told, dict) else told
    if not isinstance(rows, list):
        raise questions.foreign(answer)
    return listed(rows, key, proof)


def listed(rows: Sequence[Any], key: str, proof: str) -> Listed:
    """Return the state of each name; the same name may occur in several rows."""
    states: dict[str, bool] = {}
    for row in rows:
        if isinstance(row, dict) and isinstance(row.get(key), str):
            name = row[key].lower()
            states[name] = states.get(name, False) or row.get(proof) is True
    gap = f"SendGrid lists more than {_PAGE} of them, and only one page was read."
    return Listed(states=states, gap=gap if len(rows) >= _PAGE else "")


def sender(address: str, domains: Listed, addresses: Listed, scopes: Iterable[str]) -> Sender:
    """Return the state of an address by the two lists: its domain counts before its own verification.

    https://www.twilio.com/docs/sendgrid/for-developers/sending-email/sender-identity
    """
    above, own = inquiry.domains(address), addresses.states.get(address.lower())
    known = [domain for domain in above if domain in domains.states]
    for domain in known:
        if domains.states[domain]:
            return Sender(verified=True, detail=f"The domain {domain} is authenticated.")
    if own:
        return Sender(verified=True, detail=f"{address} is a verified sender.")
    if gaps := " ".join(dict.fromkeys(filter(None, (domains.gap, addresses.gap)))):
        return Sender(verified=None, detail=gaps)
    if _EXEMPT in scopes:
        return Sender(verified=None, detail="Not verified, but SendGrid has freed the account from that.")
    return Sender(verified=False, detail=_missing(address, known, waiting=own is False))


def _missing(address: str, known: Sequence[str], *, waiting: bool) -> str:
    if known:
        return (
            f"The domain {known[0]} is not authenticated yet. Publish its DNS records and verify it {_MEND}."
        )
    if waiting:
        return f"{address} is not verified yet. Open the link that SendGrid has sent to it."
    return f"SendGrid knows neither {address} nor its domain. Authenticate the domain {_MEND}."


def answered(questions: Inquiry, answer: http.Answer) -> Any:
    """Return what SendGrid has answered; raise `Untold` if only this was refused, a ProviderError if all would be."""
    if answer.status == 200:
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError):
            raise questions.foreign(answer) from None
    said = _said(questions, answer)
    if answer.status == 429:
        raise Untold(f"{questions.name} was asked too often and does not tell. Ask again in a minute. {said}")
    if not sendgrid_errors.errors_of(answer.body):
        raise questions.foreign(answer)
    if answer.status >= 500:
        failing = f"{questions.name}: SendGrid is failing. Wait, and look at its status page. {said}"
        raise Unavailable(failing, code=str(answer.status))
    raise Untold(f"{questions.name} does not tell: this key may not read it. {said}")


def _said(questions: Inquiry, answer: http.Answer) -> str:
    errors = sendgrid_errors.errors_of(answer.body)
    return f"SendGrid answered {answer.status}: {questions.said(sendgrid_errors.words_of(errors) or answer.body)}"
