"""Readiness of a Mandrill account: asks for the key, the account and its domains.

Shapes: https://github.com/mailchimp/mailchimp-client-lib-codegen, spec/transactional.json: users/ping2,
users/info and senders/domains. A key may be restricted to some calls, so a good key may be unable to ask them all.
senders/check-domain is not used: it adds the domain to the account.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from providers.errors import AccountProblem, ProviderError
from providers.mandrill import errors
from providers.readiness import Quota, Readiness, Sender, count
from providers.wire import http, inquiry
from providers.wire.inquiry import Inquiry, Untold

_GOOD_REPUTATION = 75  # "generally being a good reputation" (users/info)


_Entry = Mapping[str, Any]


def check(questions: Inquiry, senders: Sequence[str]) -> Readiness:
    """Ask for the key, the account, and the domains it may send from."""
    return inquiry.gather(questions.name, senders, lambda some: _learned(questions, some))


def _learned(questions: Inquiry, senders: Sequence[str]) -> Iterator[Readiness]:
    answer = questions.ask("/users/ping2.json")
    if "PING" not in _entry(_parsed(answer)):
        raise _refusal(questions, answer)
    for learn in (_of_the_account, _of_senders):
        try:
            yield learn(questions, senders)
        except Untold as untold:
            yield Readiness(provider=questions.name, warnings=(str(untold),))


def _of_the_account(questions: Inquiry, _senders: Sequence[str]) -> Readiness:
    return account(questions.name, _entry(_told(questions, "/users/info.json")))


def _of_senders(questions: Inquiry, senders: Sequence[str]) -> Readiness:
    listed = get_domains(questions) if senders else {}
    states = {address: sender(questions, address, listed) for address in senders}
    return Readiness(provider=questions.name, senders=states)


def get_domains(questions: Inquiry) -> dict[str, _Entry]:
    """Return Mandrill's entry of each domain by its name; raise Untold or a ProviderError without an answer."""
    return _by_name(_told(questions, "/senders/domains.json"))


def account(name: str, told: _Entry) -> Readiness:
    """Return the readiness of the account. A backlog is the only sign that the hourly quota is used up."""
    hourly, backlog, reputation = (_number(told, key) for key in ("hourly_quota", "backlog", "reputation"))
    problems, warnings = [], []
    if hourly == 0:
        problems.append(f"{name}: Mandrill lets the account send no mail. Look there for the reason.")
    if backlog:
        held = f"Mandrill holds back {backlog:.0f} messages, since the hourly or monthly quota is used up"
        warnings.append(f"{name}: {held}. New mail waits behind them. Raise the quota, or wait.")
    if reputation is not None and reputation < _GOOD_REPUTATION:
        low = f"{name}: the account's reputation is {reputation:.0f} of 100; from {_GOOD_REPUTATION} it is good."
        warnings.append(low)
    full = Quota(limit=hourly, used=hourly, per="hour") if hourly is not None and backlog else None
    return Readiness(provider=name, problems=tuple(problems), warnings=tuple(warnings), quota=full)


def sender(questions: Inquiry, address: str, listed: Mapping[str, _Entry]) -> Sender:
    """Return the state of a sender: Mandrill rejects mail from domains that it does not sign for."""
    host, *above = inquiry.domains(address)
    where = "Mandrill's settings, Domains"
    if host not in listed:
        parent = next((domain for domain in above if domain in listed), "")
        if parent:
            uncertain = f"Mandrill lists {parent} and not {host}. Add {host} in {where}, to be certain."
            return Sender(verified=None, detail=uncertain)
        return Sender(verified=False, detail=f"Mandrill does not know {host}. Add and verify it in {where}.")
    if listed[host].get("valid_signing") is True:
        return Sender(verified=True)
    missing = questions.said("; ".join(_missing(listed[host])))
    return Sender(verified=False, detail=f"Mandrill does not sign for {host}: {missing}. Mend it in {where}.")


def _refusal(questions: Inquiry, answer: http.Answer) -> ProviderError:
    found = _entry(errors.parsed(answer.body))
    name, words = (questions.said(str(found.get(key) or "")) for key in ("name", "message"))
    if not name or found.get("status") != "error":
        return questions.foreign(answer)
    said = f"Mandrill answered {name}: {words}"
    if _is_suspended(words):
        advice = "Mandrill has suspended the account. Look there for the reason, or ask Mandrill's support."
    elif name == "Invalid_Key":
        advice = "Mandrill does not accept the key. Enter an active API key."
    elif name == "PaymentRequired":
        advice = "Mandrill wants to be paid. Look there at the account's billing."
    else:
        advice = "Mandrill does not say whether it takes mail. Look at the account and at its status page."
    return AccountProblem(f"{questions.name}: {advice} {said}", code=name)


def _told(questions: Inquiry, path: str) -> Any:
    """Return the answer; raise `Untold` if the key may not ask this or the answer is not understood."""
    answer = questions.ask(path)
    found = _parsed(answer)
    if found is not None:
        return found
    refused = _entry(errors.parsed(answer.body))
    words = questions.said(str(refused.get("message") or ""))
    if _is_suspended(words):
        raise _refusal(questions, answer)
    call = path.strip("/").removesuffix(".json")
    if answer.status == 200 and len(answer.body) >= http.LONGEST_ANSWER:
        raise Untold(f"{questions.name}: the answer to {call} is too long to be read.")
    reason = words or questions.foreign(answer).detail
    raise Untold(f"{questions.name}: Mandrill does not answer {call}. Allow the key to call it. {reason}")


def _by_name(listed: Any) -> dict[str, _Entry]:
    entries = [_entry(one) for one in listed] if isinstance(listed, list) else []
    return {str(entry.get("domain")).lower(): entry for entry in entries}


def _missing(entry: _Entry) -> Iterator[str]:
    """Yield what a domain lacks: one valid DKIM record of two, SPF, verified ownership."""
    keys = [_entry(entry.get(name)) for name in ("dkim2", "dkim")]
    if not any(key.get("valid") for key in keys):
        yield f"DKIM is not valid{_reason(keys)}"
    spf = _entry(entry.get("spf"))
    if not spf.get("valid"):
        yield f"SPF is not valid{_reason([spf])}"
    if not entry.get("verified_at"):
        yield "its ownership is not verified"


def _reason(records: Iterable[_Entry]) -> str:
    return next((f" ({record['error']})" for record in records if record.get("error")), "")


def _is_suspended(words: str) -> bool:
    return "suspend" in words.lower()


def _number(told: _Entry, key: str) -> float | None:
    return count(told.get(key))


def _entry(found: object) -> _Entry:
    return found if isinstance(found, dict) else {}


def _parsed(answer: http.Answer) -> Any:
    return errors.parsed(answer.body) if answer.status == 200 else None
