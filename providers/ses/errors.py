"""Classifies the answers of Amazon SES by their code and text."""

import json
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from providers.errors import (
    AccountProblem,
    CannotCarry,
    DomainRefused,
    ProviderError,
    RecipientsRefused,
    Refused,
    SenderRefused,
    Throttled,
    Unavailable,
    Unknown,
)
from providers.message import Message
from providers.wire import http
from providers.wire import words as vendor

_QUOTA_PAUSE = 600.0  # seconds; AWS: "wait up to 10 minutes"
_CODES = ("code", "Code", "__type")
_WORDS = (*_CODES, "message", "Message", "MessageId")  # strings in all answers of AWS

# The error for each code of AWS. Codes whose meaning depends on the text are in _BY_TEXT.
_BY_CODE: Mapping[str, type[ProviderError]] = MappingProxyType(
    {
        "InvalidClientTokenId": AccountProblem,
        "UnrecognizedClientException": AccountProblem,
        "InvalidAccessKeyId": AccountProblem,
        "InvalidSignatureException": AccountProblem,
        "SignatureDoesNotMatch": AccountProblem,
        "ExpiredToken": AccountProblem,
        "ExpiredTokenException": AccountProblem,
        "IncompleteSignature": AccountProblem,
        "MissingAuthenticationToken": AccountProblem,
        "MissingAuthenticationTokenException": AccountProblem,
        "OptInRequired": AccountProblem,
        "AccessDenied": AccountProblem,
        "AccessDeniedException": AccountProblem,
        "RequestExpired": AccountProblem,
        "AccountSuspendedException": AccountProblem,
        "SendingPausedException": AccountProblem,
        "NotFoundException": AccountProblem,
        "LimitExceededException": AccountProblem,
        "MailFromDomainNotVerifiedException": DomainRefused,
        "TooManyRequestsException": Throttled,
        "Throttling": Throttled,
        "ThrottlingException": Throttled,
        "RequestThrottled": Throttled,
        "RequestThrottledException": Throttled,
        "MessageRejected": Refused,
        "BadRequestException": CannotCarry,  # its own rules: our message has passed ours
        "InternalServerErrorException": Unavailable,
        "InternalFailure": Unavailable,
        "ServiceUnavailable": Unavailable,
        "ServiceUnavailableException": Unavailable,
    }
)

# Refusals by rules of SES alone: sizes, kinds of files, headers, the form of the MIME.
_OWN_RULES = (
    r"attachment|file ?name|file type|header|duplicate|too (long|large|big|many)|\bsize\b|length is more than|exceed"
    r"|not supported|unsupported|\bmime\b|content.?type|encoding"
)

# The first match decides, before _BY_CODE: patterns of the code and of the text.
_BY_TEXT: tuple[tuple[str, str, type[ProviderError]], ...] = (
    ("", r"daily message quota exceeded", AccountProblem),
    ("", r"maximum sending rate exceeded", Throttled),
    ("AccessDenied(Exception)?", r":identity/", SenderRefused),
    (
        "MessageRejected",
        r"address is not verified|identities failed the check|authority to send from",
        SenderRefused,
    ),
    ("MessageRejected", _OWN_RULES, CannotCarry),
    ("BadRequestException", _OWN_RULES, CannotCarry),
    (
        "BadRequestException",
        r"configuration set|\barn\b|arn:|identity|tenant|endpoint|region",
        AccountProblem,
    ),
)


def message_id(answer: http.Answer) -> str:
    """Return the id of an accepted message; empty unless AWS itself accepted it."""
    return (parsed(answer.body) or {}).get("MessageId", "") if answer.status == 200 else ""


def classified(name: str, answer: http.Answer, message: Message, hide: Iterable[str]) -> ProviderError:
    """Return the error for any answer without a message id."""
    if parsed(answer.body) is None:
        return http.foreign(name, answer, hide)
    if answer.status < 300:
        return Unknown(f"{name}: the request was accepted without a message id.", code=str(answer.status))
    code, words = told(answer)
    kind = _kind(code, words, answer.status, message)
    detail = f"{name} answered {answer.status} {code}: {http.said(words, hide)}"
    return kind(detail, code=code, retry_after=_pause(kind, answer, words))


def _pause(kind: type[ProviderError], answer: http.Answer, words: str) -> float | None:
    if kind in {Throttled, Unavailable} and answer.retry_after is not None:
        return answer.retry_after
    return _QUOTA_PAUSE if kind is AccountProblem and "quota" in words.lower() else None


def told(answer: http.Answer) -> tuple[str, str]:
    """Return the code and the text of a refusal as botocore reads them; the code may be the status."""
    fields = parsed(answer.body) or {}
    named = answer.headers.get("x-amzn-ErrorType")
    if answer.status >= 500 and not answer.body:
        named = None  # a header alone does not prove that the mail was not accepted
    found = (named, *map(fields.get, _CODES), str(answer.status))
    code = next(word for word in found if word is not None)
    words = fields.get("message", fields.get("Message", ""))
    # The explanation of a wrong signature quotes the headers of the request.
    return code.partition(":")[0].rpartition("#")[2], words.partition("The Canonical String")[0]


def parsed(answer: bytes) -> dict[str, Any] | None:
    """Return the fields of an answer; None if it is not in AWS' own format."""
    try:
        fields = json.loads(answer.decode() or "{}")
    except (ValueError, RecursionError):
        return None
    own = isinstance(fields, dict) and all(isinstance(fields.get(name, ""), str) for name in _WORDS)
    return fields if own else None


def _kind(code: str, words: str, status: int, message: Message) -> type[ProviderError]:
    if code.isdecimal() or not code:
        return _by_status(status)
    kind = next(
        (
            vendor.judged(kind, text, words, vendor.quotable(message))
            for codes, text, kind in _BY_TEXT
            if re.fullmatch(codes or ".*", code) and re.search(text, words, re.I)
        ),
        _BY_CODE.get(code) or _by_status(status, own=True),
    )
    if kind is SenderRefused and code == "MessageRejected":
        return _unverified(words.lower(), message)
    if kind is CannotCarry and code == "BadRequestException" and _names_recipient(words.lower(), message):
        return RecipientsRefused
    return kind


def _unverified(words: str, message: Message) -> type[ProviderError]:
    """Classify by the identities that SES names; in its sandbox, recipients must be verified as well.

    An address has no comma and no blank, so nobody can write an identity of another kind into the list.
    """
    listed = re.search(r"identities failed the check in region [\w-]+: (.*)", words)
    identities = {_bare(name) for name in listed[1].split(",")} if listed else set()
    sender = message.sender.address.lower()
    if sender.rpartition("@")[2] in identities:
        return DomainRefused
    ours = {box.address.lower() for box in message.recipients} - {sender}
    return AccountProblem if identities and identities <= ours else SenderRefused


def _bare(identity: str) -> str:
    """Return an identity without the display name that may stand before it."""
    return identity.strip().rpartition(" ")[2].strip("<>.")


def _names_recipient(words: str, message: Message) -> bool:
    return any(box.address.lower() in words for box in message.recipients)


def _by_status(status: int, *, own: bool = False) -> type[ProviderError]:
    """Return the error for a status without a known code; `own`: AWS itself sent some code."""
    if status == 503 or (own and status == 500):
        return Unavailable
    if status >= 500 or status == 408:
        return Unknown
    otherwise = CannotCarry if own and status == 400 else AccountProblem
    return {413: CannotCarry, 429: Throttled}.get(status, otherwise)
