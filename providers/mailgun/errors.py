"""Classifies the answers of Mailgun by their status and the text of their message."""

import json
import re
from collections.abc import Iterable

from providers.errors import (
    AccountProblem,
    CannotCarry,
    DomainRefused,
    ProviderError,
    RecipientsRefused,
    Throttled,
    Unknown,
)
from providers.wire import http, waiting
from providers.wire import words as vendor

# The error for a status when Mailgun itself answered, that is with a message in JSON. Others: see _unlisted.
# A 400 is about Mailgun's own rules: the message has passed ours.
# https://documentation.mailgun.com/docs/mailgun/quickstart-guide/responses
_BY_STATUS: dict[int, type[ProviderError]] = {
    400: CannotCarry,
    413: CannotCarry,
    420: Throttled,
    429: Throttled,
}

# Statuses that need no message: in none of these cases was the mail accepted.
_BY_STATUS_ALONE: dict[int, type[ProviderError]] = {413: CannotCarry, 420: Throttled, 429: Throttled}

_AGAIN = r"try again (?:after|in) (?:(\d{1,9}(?:\.\d{1,9})?)(?= ?s)|(.*))"

# The first match decides, before _BY_STATUS: statuses, and a pattern of the message.
_BY_TEXT: tuple[tuple[frozenset[int], str, type[ProviderError]], ...] = (
    (frozenset({400, 403}), r"domain is unverified|requires dns configuration", DomainRefused),
    (frozenset({400, 403}), r"is not allowed to send|not allowed to send", AccountProblem),
    (frozenset({404}), r"domain not found", DomainRefused),
    (frozenset({400}), r"\b(to|cc|bcc)\b'? parameter is not a valid address", RecipientsRefused),
    (frozenset({400}), r"limited to 16 ?kb|too many recipients", CannotCarry),
    (frozenset({400}), r"limit exceeded", Throttled),
)


def classified(name: str, answer: http.Answer, hide: Iterable[str]) -> ProviderError:
    """Return the error for any answer without a message id."""
    words = message(answer.body)
    if b"Mailgun Magnificent API" in answer.body[:200]:
        kind: type[ProviderError] = AccountProblem  # the API's greeting: the base URL is wrong
    elif words:
        kind = _kind(answer.status, words)
    elif answer.status in _BY_STATUS_ALONE and not answer.body.lstrip().startswith(b"<"):
        kind = _BY_STATUS_ALONE[answer.status]
    else:
        return http.foreign(name, answer, hide)
    detail = f"{name} answered {answer.status}: {http.said(words or answer.words, hide)}"
    pause = _pause(answer, words) if kind is Throttled else None
    return kind(detail, code=str(answer.status), retry_after=pause)


def message(answer: bytes) -> str:
    """Return Mailgun's message; empty if the answer is not Mailgun's."""
    try:
        found = json.loads(answer)["message"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
    return found if isinstance(found, str) else ""


def _kind(status: int, message: str) -> type[ProviderError]:
    for statuses, says, kind in _BY_TEXT:
        if status in statuses and re.search(says, message, re.IGNORECASE):
            return vendor.judged(kind, says, message)
    return _BY_STATUS.get(status) or _unlisted(status)


def _unlisted(status: int) -> type[ProviderError]:
    """Return the error for another status; 5xx is unknown, as Mailgun has sent mail in spite of such answers."""
    return Unknown if status >= 500 or status == 408 or status < 300 else AccountProblem


def _pause(answer: http.Answer, message: str) -> float | None:
    """Return the seconds to wait that Mailgun named: `try again after 30 seconds`, or after a date."""
    named = answer.retry_after
    words = re.search(_AGAIN, message, re.IGNORECASE | re.ASCII)
    return named if named is not None or not words else waiting.seconds(words[1] or words[2])
