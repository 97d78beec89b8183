"""Readiness of Amazon SES: asks for the account, its configuration set and its identities.

Shapes and meanings: botocore/data/sesv2/2019-09-27/service-2.json, GetAccount, GetConfigurationSet and
GetEmailIdentity. A policy that allows only ses:SendEmail is enough for sending, so a refused question is not a
problem; but if the account cannot be asked for, it is not known to be ready.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Any
from urllib.parse import quote

from providers.errors import AccountProblem, Unavailable
from providers.readiness import Quota, Readiness, Sender, count
from providers.ses import errors
from providers.wire import http, inquiry
from providers.wire.inquiry import Inquiry, Untold

_NEARLY = 0.9
_DEEPEST = 3  # domains asked for one address: its own and two above

_BAD_KEY = "Amazon does not accept the key. Enter an active access key of this account and its secret."

# The account cannot be used at all: patterns of code and text, and the remedy.
_HOPELESS: tuple[tuple[str, str], ...] = (
    (
        r"RequestExpired|RequestTimeTooSkewed|Signature (expired|not yet current)",
        "the clock of this machine is wrong. Set it.",
    ),
    (r"^ExpiredToken", "the temporary key has expired. Renew it."),
    (r"^AccountSuspended", "Amazon has suspended this account. Open a case with AWS Support."),
    (r"^OptInRequired", "this AWS account is not signed up for SES. Sign it up in the AWS console."),
    (
        r"^(UnrecognizedClient|InvalidClientTokenId|InvalidAccessKeyId|InvalidSignature|SignatureDoesNotMatch"
        r"|IncompleteSignature|MissingAuthenticationToken)",
        _BAD_KEY,
    ),
)
_BY_STATUS = {401: _BAD_KEY, 403: _BAD_KEY}

# Only this question was refused: patterns of code and text, and the remedy.
_OPEN: tuple[tuple[str, str], ...] = (
    (r"^AccessDenied", "cannot be asked: allow {action} for this key."),
    (r"^(429|Throttl|RequestThrottl|TooManyRequests)", "was asked too often ({action}). Ask in a minute."),
)


def check(questions: Inquiry, senders: Sequence[str], configuration_set: str) -> Readiness:
    """Ask for the account, its configuration set if it has one, and the identities of the senders."""
    return inquiry.gather(questions.name, senders, lambda some: _learned(questions, some, configuration_set))


def _learned(questions: Inquiry, senders: Sequence[str], configuration_set: str) -> Iterator[Readiness]:
    yield _account(questions)
    if configuration_set:
        yield _configuration_set(questions, configuration_set)
    look_up = cache(partial(_identity, questions))
    yield Readiness(
        provider=questions.name, senders={address: _sender(address, look_up) for address in senders}
    )


def _account(questions: Inquiry) -> Readiness:
    try:
        told = get_account(questions)
    except Untold as untold:
        return Readiness(provider=questions.name, asked=False, warnings=(str(untold),))
    if told is None:
        raise AccountProblem(
            f"{questions.name}: there is no SES account here. Look at its region and address."
        )
    return account(questions.name, told)


def get_account(questions: Inquiry) -> dict[str, Any] | None:
    """Return the fields of GetAccount; None: there is no account. Raises Untold or a ProviderError."""
    return _told(questions, "ses:GetAccount", "/v2/email/account", "SendingEnabled")


def account(name: str, told: dict[str, Any]) -> Readiness:
    """Return the readiness by an answer of GetAccount."""
    found, production = quota(told.get("SendQuota")), told.get("ProductionAccessEnabled")
    full, nearly = _use(name, found)
    stopped = "".join(_stopped(name, told))
    return Readiness(
        provider=name,
        problems=(*filter(None, [stopped]), *full),
        warnings=(*_limited(name, told), *nearly),
        stopped=stopped,
        sandbox=not production if isinstance(production, bool) else None,
        quota=found,
    )


def _stopped(name: str, told: dict[str, Any]) -> Iterator[str]:
    """Yield why the account can send nothing, at most one reason."""
    if told.get("EnforcementStatus") == "SHUTDOWN":
        yield (
            f"{name}: Amazon has shut down sending for this account (SHUTDOWN). "
            "Correct what its mail to you names, then ask AWS Support for a review."
        )
    elif told.get("SendingEnabled") is False:
        yield f"{name}: sending is paused for this account in this region. Resume it in the SES console."


def _limited(name: str, told: dict[str, Any]) -> Iterator[str]:
    if told.get("EnforcementStatus") == "PROBATION":
        yield f"{name}: Amazon has this account under review (PROBATION). Lower its bounces and complaints."
    if told.get("ProductionAccessEnabled") is False:
        yield (
            f"{name}: the account is in the sandbox and reaches verified addresses only. "
            "Request production access in the SES console."
        )


def quota(told: Any) -> Quota | None:
    """Return the account's quota; None if it has none: a maximum of -1 means unlimited."""
    fields = told if isinstance(told, dict) else {}
    limit, used = (count(fields.get(key)) for key in ("Max24HourSend", "SentLast24Hours"))
    if limit is None or used is None or limit < 0:
        return None
    return Quota(limit=limit, used=used, per="24 hours")


def _use(name: str, found: Quota | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return (problems, warnings): a problem if the quota is used up, a warning if it nearly is."""
    if found is None or found.used < _NEARLY * found.limit:
        return (), ()
    use = f"{found.used:.0f} of {found.limit:.0f} per {found.per} are sent"
    if found.used >= found.limit:
        full = f"{name}: the quota is used up, {use}. Wait, or request a higher one in Service Quotas."
        return (full,), ()
    return (), (f"{name}: the quota is nearly used up, {use}. Request a higher one in Service Quotas.",)


def _configuration_set(questions: Inquiry, configuration_set: str) -> Readiness:
    path = f"/v2/email/configuration-sets/{_quoted(configuration_set)}"
    try:
        told = _told(questions, "ses:GetConfigurationSet", path, "ConfigurationSetName")
    except Untold as untold:
        return Readiness(provider=questions.name, warnings=(str(untold),))
    return set_state(questions.name, configuration_set, told)


def set_state(name: str, configuration_set: str, told: dict[str, Any] | None) -> Readiness:
    """Return the readiness by an answer of GetConfigurationSet; None: there is no such set."""
    if told is None:
        missing = f"{name}: there is no configuration set {configuration_set} in this region."
        return Readiness(provider=name, problems=(f"{missing} Create it, or correct its name.",))
    options = told.get("SendingOptions")
    if isinstance(options, dict) and options.get("SendingEnabled") is False:
        paused = f"{name}: sending is paused for the configuration set {configuration_set}."
        return Readiness(provider=name, problems=(f"{paused} Resume it in the SES console.",))
    return Readiness(provider=name)


def _sender(address: str, look_up: Callable[[str], Sender | None]) -> Sender:
    """Return the state of a sender: a verified domain covers all its addresses and subdomains.

    https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html: subdomains inherit the verification.
    """
    waiting = []
    for name in (*inquiry.domains(address)[:_DEEPEST], address):
        found = look_up(name)
        if found and found.verified is not False:
            return found
        waiting += [found] if found else []
    unknown = f"SES knows neither {address} nor its domain in this region. Create the domain as an identity."
    return waiting[0] if waiting else Sender(verified=False, detail=unknown)


def _identity(questions: Inquiry, name: str) -> Sender | None:
    try:
        told = get_identity(questions, name)
    except Untold as untold:
        return Sender(verified=None, detail=str(untold))
    return None if told is None else identity(name, told)


def get_identity(questions: Inquiry, name: str) -> dict[str, Any] | None:
    """Return the fields of GetEmailIdentity; None: SES knows no such identity. Raises Untold or a ProviderError."""
    path = f"/v2/email/identities/{_quoted(name)}"
    return _told(questions, "ses:GetEmailIdentity", path, "VerifiedForSendingStatus")


def identity(name: str, told: dict[str, Any]) -> Sender:
    """Return the state of a domain or address by an answer of GetEmailIdentity."""
    if told.get("VerifiedForSendingStatus") is not True:
        mend = (
            "Open the link that Amazon has sent to it."
            if "@" in name
            else "Publish the DNS records that SES lists for it."
        )
        return Sender(verified=False, detail=f"{name} is not verified ({_word(told)}). {mend}")
    signing = told.get("DkimAttributes")
    state = signing.get("Status") if isinstance(signing, dict) else None
    if "@" not in name and state not in (None, "SUCCESS"):
        unsigned = f"{name} is verified, but its DKIM is {http.said(str(state))}: mail is not signed by it."
        return Sender(verified=True, detail=unsigned)
    return Sender(verified=True, detail=f"{name} is verified.")


def _word(told: dict[str, Any]) -> str:
    return http.said(str(told.get("VerificationStatus") or "no status"))


def _told(questions: Inquiry, action: str, path: str, proof: str) -> dict[str, Any] | None:
    """Return the fields of an answer, None if SES has no such thing; `proof` is a field that SES always sends."""
    answer = questions.ask(path)
    told = errors.parsed(answer.body)
    if told is None or (answer.status == 200 and proof not in told):
        raise questions.foreign(answer)
    if answer.status == 200:
        return told
    code, words = errors.told(answer)
    if code == "NotFoundException":
        return None
    raise _refusal(questions, action, answer, code, words)


def _refusal(questions: Inquiry, action: str, answer: http.Answer, code: str, words: str) -> Exception:
    """Return the error that ends the check, or `Untold` if only this question was refused."""
    text = f"{code}: {words}"
    said = f"Amazon answered {answer.status} {questions.said(text)}"
    if left_open := _advice(_OPEN, text):
        return Untold(f"{questions.name} {left_open.format(action=action)} {said}")
    if answer.status < 500 and (code.isdecimal() or not code):
        return questions.foreign(answer)
    if hopeless := _advice(_HOPELESS, text) or _BY_STATUS.get(answer.status):
        return AccountProblem(f"{questions.name}: {hopeless} {said}", code=code)
    if answer.status >= 500:
        failing = f"{questions.name}: Amazon SES is failing. Wait, and look at its status page. {said}"
        return Unavailable(failing, code=code)
    return Untold(f"{questions.name} does not tell ({action}). {said}")


def _advice(table: tuple[tuple[str, str], ...], text: str) -> str:
    return next((advice for fits, advice in table if re.search(fits, text)), "")


def _quoted(name: str) -> str:
    """Quote as botocore does, which quotes the path once more for the signature."""
    return quote(name, safe="-._~")
