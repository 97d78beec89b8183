"""Classifies the answers of Mandrill by the error's name, or by the result of each recipient.

The status is not used: API version 1.0 answers 500 to everything that is not a success.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from providers.errors import (
    AccountProblem,
    CannotCarry,
    DomainRefused,
    ProviderError,
    RecipientsRefused,
    SenderRefused,
    Throttled,
    Unavailable,
    Unknown,
)
from providers.wire import http
from providers.wire import words as vendor

ACCEPTED = frozenset({"sent", "queued", "scheduled"})
_REFUSED = frozenset({"rejected", "invalid"})

# The error for each name. https://mailchimp.com/developer/transactional/docs/error-glossary/
_BY_NAME: Mapping[str, type[ProviderError]] = MappingProxyType(
    {
        "Invalid_Key": AccountProblem,
        "PaymentRequired": AccountProblem,
        "PoorReputation": AccountProblem,
        "Unknown_Subaccount": AccountProblem,
        "Unknown_Template": AccountProblem,
        "Unknown_Pool": AccountProblem,
        "ValidationError": CannotCarry,  # its own rules: our message has passed ours
        "ServiceUnavailable": Unavailable,
        "TooManyRequests": Throttled,
        "GeneralError": Unknown,
    }
)

# Reject reasons that are not about the recipient. The first one found at any recipient decides.
_BY_REASON: tuple[tuple[frozenset[str], type[ProviderError]], ...] = (
    (frozenset({"invalid-sender"}), SenderRefused),
    (frozenset({"unsigned"}), DomainRefused),
    (frozenset({"rule", "test-mode-limit"}), AccountProblem),
)

# Reasons for which Mandrill holds back accepted mail and which are the account's, so they affect the next mail, too.
# Not listed: attachments, multiple-recipients, which only take time.
# https://github.com/mailchimp/mailchimp-client-lib-codegen, spec/transactional.json, queued_reason
_HELD_BACK: Mapping[str, str] = MappingProxyType(
    {
        "hourly-quota-exhausted": "the hourly quota is used up. It goes out in a later hour.",
        "monthly-limit-reached": "the monthly limit is reached. Raise it in Mandrill's settings.",
        "free-trial-sends-exhausted": "the free trial is used up. Choose a plan in Mandrill's settings.",
        "sending-paused": "sending is paused. Look into the account at Mandrill for the reason.",
        "sending-suspended": "sending is suspended. Look into the account at Mandrill, or ask its support.",
        "account-suspended": "the account is suspended. Look into it at Mandrill, or ask its support.",
        "sending-backlogged": "it waits behind the mail that the account has in Mandrill's queue.",
    }
)


def results(answer: http.Answer) -> list[dict[str, Any]]:
    """Return the result of each recipient; empty if the answer is anything else."""
    found = parsed(answer.body) if answer.status == 200 else None
    if not isinstance(found, list) or not all(_is_result(one) for one in found):
        return []
    return found


def refused(found: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the refused recipients: {address: reason}."""
    return {str(result.get("email")): _reason(result) for result in found if result["status"] in _REFUSED}


def held_back(name: str, found: Iterable[Mapping[str, Any]]) -> str:
    """Return why Mandrill holds back accepted mail, if the account is the reason; else an empty text."""
    reasons = [str(result.get("queued_reason")) for result in found if result["status"] == "queued"]
    told = next((reason for reason in reasons if reason in _HELD_BACK), None)
    return f"{name} has taken the mail and holds it back ({told}): {_HELD_BACK[told]}" if told else ""


def classified(name: str, answer: http.Answer, hide: Iterable[str]) -> ProviderError:
    """Return the error for an answer in which no recipient was accepted."""
    if found := results(answer):
        return _nobody(name, found, hide)
    error = parsed(answer.body)
    if not isinstance(error, dict) or not isinstance(error.get("name"), str):
        return http.foreign(name, answer, hide)
    words = str(error.get("message") or "")
    detail = f"{name} answered {answer.status} {error['name']}: {words}"
    kind = _kind(error["name"], words, answer.status)
    pause = answer.retry_after if kind in {Throttled, Unavailable} else None
    return kind(http.said(detail, hide), code=error["name"], retry_after=pause)


def _kind(name: str, words: str, status: int) -> type[ProviderError]:
    if name == "ValidationError" and re.search(r"\bkey\b", words, re.IGNORECASE):
        return vendor.judged(AccountProblem, r"\bkey\b", words)  # "You must specify a key value"
    unlisted = Unknown if status >= 500 or status == 408 or status < 300 else AccountProblem
    return _BY_NAME.get(name, unlisted)


def _nobody(name: str, found: Sequence[Mapping[str, Any]], hide: Iterable[str]) -> ProviderError:
    reasons = {_reason(result) for result in found}
    about_us = (kind for listed, kind in _BY_REASON if reasons & listed)
    clear = all(result["status"] in _REFUSED for result in found)
    kind = next(about_us, RecipientsRefused) if clear else Unknown
    words = "; ".join(f"{result.get('email')}: {_reason(result)}" for result in found)
    return kind(f"{name} accepted no recipient: {http.said(words, hide)}", code=sorted(reasons)[0])


def _reason(result: Mapping[str, Any]) -> str:
    return str(result.get("reject_reason") or result["status"])


def _is_result(found: object) -> bool:
    return isinstance(found, dict) and isinstance(found.get("status"), str)


def words(answer: bytes) -> str:
    """Return the text of a refusal; empty if the answer is none of Mandrill's."""
    found = parsed(answer)
    fields = found if isinstance(found, dict) and found.get("status") == "error" else {}
    return ": ".join(str(fields[name]) for name in ("name", "message") if fields.get(name))


def parsed(answer: bytes) -> Any:
    """Return the value of a JSON text; None if it is not JSON."""
    try:
        return json.loads(answer)
    except (ValueError, RecursionError):
        return None
